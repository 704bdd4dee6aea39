// Command kinds prints the fields of the built-in kinds that the model serves: one line for each field with its protobuf number, its
// name in JSON, its type, whether it is always written, and how a strategic merge patch and server-side apply merge it. The types are Kubernetes' own; what server-side
// apply does is not in them, so the OpenAPI documents of a running API server are read from standard input, one JSON value after the other.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"reflect"
	"sort"
	"strings"

	apps "k8s.io/api/apps/v1"
	authorization "k8s.io/api/authorization/v1"
	autoscaling "k8s.io/api/autoscaling/v1"
	batch "k8s.io/api/batch/v1"
	coordination "k8s.io/api/coordination/v1"
	core "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"
	events "k8s.io/api/events/v1"
	networking "k8s.io/api/networking/v1"
	policy "k8s.io/api/policy/v1"
	rbac "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
)

var roots = []any{
	core.Namespace{}, core.Node{}, core.Pod{}, core.Service{}, core.Endpoints{}, core.ConfigMap{}, core.Secret{}, core.Event{}, events.Event{},
	core.ServiceAccount{}, core.PodTemplate{}, core.PersistentVolumeClaim{}, apps.Deployment{}, apps.ReplicaSet{}, apps.StatefulSet{},
	apps.DaemonSet{}, apps.ControllerRevision{}, batch.Job{}, batch.CronJob{}, networking.Ingress{}, networking.IngressClass{},
	networking.NetworkPolicy{}, discovery.EndpointSlice{}, coordination.Lease{}, policy.PodDisruptionBudget{}, rbac.Role{}, rbac.RoleBinding{},
	rbac.ClusterRole{}, rbac.ClusterRoleBinding{}, autoscaling.Scale{}, policy.Eviction{}, authorization.SelfSubjectAccessReview{},
	authorization.SelfSubjectRulesReview{}, meta.DeleteOptions{},
}

// leaves are written in a way of their own.
var leaves = map[reflect.Type]string{
	reflect.TypeOf(resource.Quantity{}):    "Quantity",
	reflect.TypeOf(intstr.IntOrString{}):   "IntOrString",
	reflect.TypeOf(meta.Time{}):            "Time",
	reflect.TypeOf(meta.MicroTime{}):       "MicroTime",
	reflect.TypeOf(meta.FieldsV1{}):        "Raw",
	reflect.TypeOf(runtime.RawExtension{}): "Raw",
}

type schema struct {
	Properties map[string]schema `json:"properties"`
	List       string            `json:"x-kubernetes-list-type"`
	Keys       []string          `json:"x-kubernetes-list-map-keys"`
	Map        string            `json:"x-kubernetes-map-type"`
}

type walk struct {
	lines   map[string][]string
	schemas map[string]schema
}

// name gives a type the name that it has in OpenAPI, for example io.k8s.api.core.v1.Pod, without what all have in common.
func name(t reflect.Type) string {
	path := strings.TrimPrefix(t.PkgPath(), "k8s.io/")
	path = strings.TrimPrefix(strings.TrimPrefix(path, "api/"), "apimachinery/pkg/apis/")
	return strings.ReplaceAll(path, "/", ".") + "." + t.Name()
}

func (w *walk) kind(t reflect.Type) string {
	if leaf, ok := leaves[t]; ok {
		return leaf
	}
	switch t.Kind() {
	case reflect.Pointer:
		return "*" + w.kind(t.Elem())
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return "bytes"
		}
		return "[]" + w.kind(t.Elem())
	case reflect.Map:
		return "map " + w.kind(t.Elem())
	case reflect.Struct:
		w.visit(t)
		return name(t)
	default:
		return t.Kind().String()
	}
}

func (w *walk) visit(t reflect.Type) {
	if _, seen := w.lines[name(t)]; seen {
		return
	}
	w.lines[name(t)] = nil
	w.lines[name(t)] = w.fields(t, w.of(name(t)))
}

// of finds the schema of a type by the end of its name.
func (w *walk) of(name string) schema {
	for key, found := range w.schemas {
		if strings.HasSuffix(key, "."+name) {
			return found
		}
	}
	return schema{}
}

func (w *walk) fields(t reflect.Type, described schema) (lines []string) {
	for i := range t.NumField() {
		field := t.Field(i)
		json, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		proto := strings.Split(field.Tag.Get("protobuf"), ",")
		if json == "-" || (field.Anonymous && field.Type == reflect.TypeOf(meta.TypeMeta{})) {
			continue
		}
		if len(proto) < 2 {
			panic("no protobuf number: " + name(t) + "." + field.Name)
		}
		// An embedded struct is a message of its own in protobuf and spelled out in place in JSON.
		if json == "" {
			json = "<inline>"
			w.lines[name(field.Type)] = w.fields(field.Type, described)
		}
		line := proto[1] + " " + json + " " + w.kind(field.Type)
		if isAlways(field.Type, options) {
			line += " always"
		}
		if strategy := field.Tag.Get("patchStrategy"); strategy != "" {
			line += " patch=" + strategy
			if key := field.Tag.Get("patchMergeKey"); key != "" {
				line += ":" + key
			}
		}
		lines = append(lines, line+w.applied(described.Properties[json]))
	}
	return lines
}

// isAlways says whether encoding/json writes the field even when it has Go's zero value: a struct is never empty.
func isAlways(t reflect.Type, options string) bool {
	return !strings.Contains(options, "omitzero") && (!strings.Contains(options, "omitempty") || t.Kind() == reflect.Struct)
}

func (w *walk) applied(property schema) (words string) {
	switch property.List {
	case "map":
		words += " list=" + strings.Join(property.Keys, ",")
	case "set":
		words += " set"
	}
	if property.Map == "atomic" {
		words += " atomic"
	}
	return words
}

func main() {
	w := &walk{lines: map[string][]string{}, schemas: map[string]schema{}}
	decoder := json.NewDecoder(os.Stdin)
	for {
		var document struct {
			Components struct{ Schemas map[string]schema }
		}
		if err := decoder.Decode(&document); err == io.EOF {
			break
		} else if err != nil {
			panic(err)
		}
		for key, one := range document.Components.Schemas {
			w.schemas[key] = one
		}
	}
	for _, root := range roots {
		w.visit(reflect.TypeOf(root))
	}
	names := make([]string, 0, len(w.lines))
	for name := range w.lines {
		names = append(names, name)
	}
	sort.Strings(names)
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	fmt.Fprintln(out, "# The built-in kinds of Kubernetes 0.34: protobuf number, name in JSON, type, whether always written, how patches merge. Made by lab/oracle/kinds. Do not edit.")
	for _, name := range names {
		mark := ""
		if w.of(name).Map == "atomic" {
			mark = " atomic"
		}
		fmt.Fprintf(out, "\n%s%s\n", name, mark)
		for _, line := range w.lines[name] {
			fmt.Fprintf(out, "  %s\n", line)
		}
	}
}
