// Command expr prints what github.com/expr-lang/expr makes of expressions. It reads lines `expression<TAB>result as JSON` and
// prints one JSON object for each: what was asked, and the answer with its Go type, or that there is an error.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/expr-lang/expr"
)

type answer struct {
	Source string `json:"source"`
	Result any    `json:"result"`
	Type   string `json:"type,omitempty"`
	Value  any    `json:"value,omitempty"`
	Shown  string `json:"shown,omitempty"`
	Error  bool   `json:"error,omitempty"`
}

// decode is what a metric provider hands over: lists of numbers alone are lists of float64.
func decode(text string) any {
	var value any
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		panic(err)
	}
	list, ok := value.([]any)
	if !ok || len(list) == 0 {
		return value
	}
	floats := make([]float64, 0, len(list))
	for _, item := range list {
		number, ok := item.(float64)
		if !ok {
			return value
		}
		floats = append(floats, number)
	}
	return floats
}

func ask(source, result string) (out answer) {
	value := decode(result)
	out = answer{Source: source, Result: value}
	defer func() {
		if recover() != nil {
			out.Error = true
		}
	}()
	env := map[string]any{"result": value}
	program, err := expr.Compile(source, expr.Env(env))
	if err != nil {
		out.Error = true
		return out
	}
	got, err := expr.Run(program, env)
	if err != nil {
		out.Error = true
		return out
	}
	out.Type, out.Shown = fmt.Sprintf("%T", got), fmt.Sprintf("%v", got)
	if _, err := json.Marshal(got); err == nil {
		out.Value = got
	}
	return out
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	out := json.NewEncoder(os.Stdout)
	out.SetEscapeHTML(false)
	for lines.Scan() {
		source, result, _ := strings.Cut(lines.Text(), "\t")
		if source == "" {
			continue
		}
		if result == "" {
			result = "null"
		}
		if err := out.Encode(ask(source, result)); err != nil {
			panic(err)
		}
	}
}
