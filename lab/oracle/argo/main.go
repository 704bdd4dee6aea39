// Command argo reads one Rollout (JSON) per line and prints what Argo Rollouts itself makes of it, as JSON: the first
// validation error of the spec, the hash of the steps, and the pod template after Kubernetes' defaults.
// It is asked, never read: the answers are test vectors.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"

	"github.com/argoproj/argo-rollouts/pkg/apis/rollouts/v1alpha1"
	"github.com/argoproj/argo-rollouts/pkg/apis/rollouts/validation"
	"github.com/argoproj/argo-rollouts/utils/conditions"
	core "k8s.io/api/core/v1"
	defaults "k8s.io/kubernetes/pkg/apis/core/v1"
)

type answer struct {
	Spec      json.RawMessage       `json:"spec"`
	Error     *string               `json:"error"`
	StepsHash string                `json:"stepsHash"`
	Steps     []v1alpha1.CanaryStep `json:"steps,omitempty"`
	Defaulted *core.PodTemplateSpec `json:"defaulted,omitempty"`
}

func ask(line []byte) (*answer, error) {
	var rollout v1alpha1.Rollout
	if err := json.Unmarshal(line, &rollout); err != nil {
		return nil, err
	}
	var raw struct {
		Spec json.RawMessage `json:"spec"`
	}
	if err := json.Unmarshal(line, &raw); err != nil {
		return nil, err
	}
	out := &answer{Spec: raw.Spec, StepsHash: conditions.ComputeStepHash(&rollout)}
	if canary := rollout.Spec.Strategy.Canary; canary != nil {
		out.Steps = canary.Steps
	}
	template := core.PodTemplate{Template: *rollout.Spec.Template.DeepCopy()}
	if errors := validation.ValidateRollout(&rollout); len(errors) > 0 {
		text := errors[0].Error()
		out.Error = &text
	}
	if len(os.Args) > 1 {
		defaults.SetObjectDefaults_PodTemplate(&template)
		out.Defaulted = &template.Template
	}
	return out, nil
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	encoder := json.NewEncoder(os.Stdout)
	encoder.SetEscapeHTML(false)
	for lines.Scan() {
		out, err := ask(lines.Bytes())
		if err != nil {
			fmt.Fprintln(os.Stderr, err, lines.Text())
			os.Exit(1)
		}
		if err := encoder.Encode(out); err != nil {
			os.Exit(1)
		}
	}
}
