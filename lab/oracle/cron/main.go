// Command cron prints what github.com/rusenask/cron, Keel's parser of schedules, makes of them. It reads one schedule a line and
// prints `schedule<TAB>answer`: the next four times after a fixed moment, `never`, or `error`.
package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/rusenask/cron"
)

var from = time.Date(2026, time.January, 15, 10, 20, 30, 500_000_000, time.UTC)

func ask(spec string) (out string) {
	defer func() {
		if recover() != nil {
			out = "error"
		}
	}()
	schedule, err := cron.Parse(spec)
	if err != nil {
		return "error"
	}
	var times []string
	for t := schedule.Next(from); len(times) < 4; t = schedule.Next(t) {
		if t.IsZero() {
			times = append(times, "never")
			break
		}
		times = append(times, t.Format(time.RFC3339))
	}
	return strings.Join(times, " ")
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		// A tab stands as \t in the cases.
		spec := strings.ReplaceAll(lines.Text(), `\t`, "\t")
		fmt.Printf("%s\t%s\n", lines.Text(), ask(spec))
	}
}
