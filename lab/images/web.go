// The lab's web image: answers its version, and leaves gracefully.
//
// VERSION is what GET / answers, GET /status answers it as JSON. FAILURES is how many of a hundred requests that came through a
// proxy are answered with 500: whoever asks the pod itself, a probe, hears nothing of it, as with most bad releases. It listens
// on 80 and on 8080, keeps connections alive, and after SIGTERM finishes what it has begun before it ends.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// ask prints what a server answers; anything but `want` is an error.
func ask(url, want string) error {
	client := http.Client{Timeout: 10 * time.Second}
	response, err := client.Get(url)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if got := strings.TrimSpace(string(body)); response.StatusCode != http.StatusOK || got != want {
		return fmt.Errorf("GET %s: %s: %q, not %q", url, response.Status, got, want)
	}
	fmt.Println(want)
	return nil
}

func main() {
	if len(os.Args) == 4 && os.Args[1] == "ask" {
		if err := ask(os.Args[2], os.Args[3]); err != nil {
			log.Fatal(err)
		}
		return
	}
	version := os.Getenv("VERSION")
	failures, _ := strconv.Atoi(os.Getenv("FAILURES"))
	var proxied atomic.Int64
	answer := http.NewServeMux()
	answer.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		// 37 is prime to 100: the failures are spread evenly, and always the same.
		if r.Header.Get("X-Forwarded-For") != "" && int(proxied.Add(37)%100) < failures {
			http.Error(w, "this version fails", http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "text/plain")
		fmt.Fprintln(w, version)
	})
	answer.HandleFunc("/status", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, "{\"version\": %q, \"healthy\": %t}\n", version, failures == 0)
	})
	servers := []*http.Server{{Addr: ":80", Handler: answer}, {Addr: ":8080", Handler: answer}}
	for _, server := range servers {
		go func() {
			if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
				log.Fatal(err)
			}
		}()
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	<-stop
	patience, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	for _, server := range servers {
		if err := server.Shutdown(patience); err != nil {
			log.Print(err)
		}
	}
}
