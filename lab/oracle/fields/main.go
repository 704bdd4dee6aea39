// Command fields prints the JSON shape of core/v1 PodTemplateSpec and everything below it: one line for each field, in the
// order in which Go writes it. Embedded structs are spelled out in place, as encoding/json does.
package main

import (
	"bufio"
	"fmt"
	"os"
	"reflect"
	"sort"
	"strings"

	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// leaves write themselves; their fields don't count.
var leaves = map[reflect.Type]string{
	reflect.TypeOf(resource.Quantity{}):  "Quantity",
	reflect.TypeOf(intstr.IntOrString{}): "IntOrString",
	reflect.TypeOf(meta.Time{}):          "Time",
	reflect.TypeOf(meta.FieldsV1{}):      "any",
}

type walk struct {
	lines map[string][]string
}

func (w *walk) name(t reflect.Type) string {
	if leaf, ok := leaves[t]; ok {
		return leaf
	}
	switch t.Kind() {
	case reflect.Pointer:
		return "*" + w.name(t.Elem())
	case reflect.Slice:
		return "[]" + w.name(t.Elem())
	case reflect.Map:
		return "map[string]" + w.name(t.Elem())
	case reflect.Struct:
		w.visit(t)
		return t.Name()
	default:
		return t.Kind().String()
	}
}

func (w *walk) visit(t reflect.Type) {
	if _, seen := w.lines[t.Name()]; seen {
		return
	}
	w.lines[t.Name()] = nil
	w.lines[t.Name()] = w.fields(t)
}

func (w *walk) fields(t reflect.Type) (lines []string) {
	for i := range t.NumField() {
		field := t.Field(i)
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		switch {
		case name == "-":
		case field.Anonymous && name == "":
			lines = append(lines, w.fields(field.Type)...)
		default:
			line := name + " " + w.name(field.Type)
			for _, option := range strings.Split(options, ",") {
				if option == "omitempty" || option == "omitzero" {
					line += " " + option
				}
			}
			lines = append(lines, line)
		}
	}
	return lines
}

func main() {
	w := &walk{lines: map[string][]string{}}
	w.visit(reflect.TypeOf(core.PodTemplateSpec{}))
	names := make([]string, 0, len(w.lines))
	for name := range w.lines {
		names = append(names, name)
	}
	sort.Strings(names)
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	fmt.Fprintln(out, "# JSON shape of core/v1 PodTemplateSpec of Kubernetes 0.34, made by lab/oracle/fields. Do not edit.")
	for _, name := range names {
		fmt.Fprintf(out, "\n%s\n", name)
		for _, line := range w.lines[name] {
			fmt.Fprintf(out, "  %s\n", line)
		}
	}
}
