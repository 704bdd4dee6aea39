// The lab's web image: answers its version, and leaves gracefully.
//
// VERSION is what GET / answers. It listens on 80 and on 8080, keeps connections alive, and after SIGTERM
// finishes what it has begun before it ends.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	version := os.Getenv("VERSION")
	answer := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		fmt.Fprintln(w, version)
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
