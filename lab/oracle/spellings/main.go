// Command spellings reads one text per line and prints, tab separated, what Go and Kubernetes make of it:
// `quantity <text> <canonical form or !>` or `duration <text> <nanoseconds or !>`. The first word of a line says which.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
)

func quantity(text string) string {
	quoted, _ := json.Marshal(text)
	var value resource.Quantity
	if json.Unmarshal(quoted, &value) != nil {
		return "!"
	}
	return value.String()
}

func duration(text string) string {
	value, err := time.ParseDuration(text)
	if err != nil {
		return "!"
	}
	return fmt.Sprint(int64(value))
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		kind, text, _ := strings.Cut(lines.Text(), "\t")
		switch kind {
		case "quantity":
			fmt.Printf("%s\t%s\t%s\n", kind, text, quantity(text))
		case "duration":
			fmt.Printf("%s\t%s\t%s\n", kind, text, duration(text))
		}
	}
}
