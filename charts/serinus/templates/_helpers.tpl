{{- define "serinus.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 63 | trimSuffix "-" }}{{ else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 63 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "serinus.account" -}}
{{- .Values.serviceAccount.name | default (ternary (include "serinus.name" .) "default" .Values.serviceAccount.create) }}
{{- end }}

{{- define "serinus.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "serinus.labels" -}}
{{ include "serinus.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{/* What the controller does, object by object: nothing that it does not do is in here, and the lab suite runs with these rights alone. */}}
{{- define "serinus.rules" -}}
# Rollouts and what belongs to them.
- apiGroups: [argoproj.io]
  resources: [rollouts, experiments, analysisruns]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [argoproj.io]
  resources: [rollouts/status, experiments/status, analysisruns/status]
  verbs: [patch]
- apiGroups: [argoproj.io]
  resources: [analysistemplates]
  verbs: [get, list, watch]
# An owner reference that blocks deletion needs this where the admission plugin is on.
- apiGroups: [argoproj.io]
  resources: [rollouts/finalizers, experiments/finalizers, analysisruns/finalizers]
  verbs: [update]
# The pods of each version.
- apiGroups: [apps]
  resources: [replicasets]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [""]
  resources: [pods]
  verbs: [get, list, watch, patch]
- apiGroups: [""]
  resources: [pods/eviction]
  verbs: [create]
# workloadRef, with its scaleDown.
- apiGroups: [apps]
  resources: [deployments]
  verbs: [get, list, watch, patch]
- apiGroups: [""]
  resources: [podtemplates]
  verbs: [get, list, watch]
# Who gets the traffic.
- apiGroups: [""]
  resources: [services]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [discovery.k8s.io]
  resources: [endpointslices]
  verbs: [get, list, watch]
- apiGroups: [networking.k8s.io]
  resources: [ingresses]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [""]
  resources: [events]
  verbs: [create, patch]
{{- if .Values.rbac.jobs }}
- apiGroups: [batch]
  resources: [jobs]
  verbs: [get, list, watch, create, patch, delete]
{{- end }}
{{- if .Values.rbac.secrets }}
- apiGroups: [""]
  resources: [secrets]
  verbs: [get]
{{- end }}
{{- if .Values.updates.enabled }}
{{- if not .Values.namespaced }}
# Platforms of nodes, before an image is proposed.
- apiGroups: [""]
  resources: [nodes]
  verbs: [list]
{{- end }}
# Updates of images.
- apiGroups: [serinus.dev]
  resources: [imageupdates]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [serinus.dev]
  resources: [imageupdates/status]
  verbs: [patch]
- apiGroups: [apps]
  resources: [statefulsets, daemonsets]
  verbs: [get, list, watch, patch]
- apiGroups: [batch]
  resources: [cronjobs]
  verbs: [get, list, watch, patch]
- apiGroups: [""]
  resources: [serviceaccounts]
  verbs: [get]
{{- end }}
{{- end }}
