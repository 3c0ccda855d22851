{{/*
`true` if the release has pools, that of the control plane's ingress among them, or serves Services from pools: a controller runs, and the
pods are a DaemonSet's.
*/}}
{{- define "kiv.poolsEnabled" -}}
{{- $given := (.Values.controller | default dict).enabled -}}
{{- if kindIs "invalid" $given -}}
{{- $given = or (eq (include "kiv.ingressEnabled" .) "true") (eq (include "kiv.servicesEnabled" .) "true") -}}
{{- range .Values.virtualIPPools -}}{{- if . -}}{{- $given = true -}}{{- end -}}{{- end -}}
{{- end -}}
{{- $given -}}
{{- end -}}

{{/*
The spec of a VirtualIPPool from its values. Besides what the object takes, values may have a plain map of labels as nodeSelector, as a pod
has it, and `tolerations: {}` for none.
*/}}
{{- define "kiv.poolSpec" -}}
{{- $spec := dict -}}
{{- range $key, $value := . -}}
{{- if not (or (kindIs "invalid" $value) (and (has $key (list "nodeSelector" "tolerations")) (empty $value))) -}}
{{- $_ := set $spec $key $value -}}
{{- end -}}
{{- end -}}
{{- with $spec.nodeSelector -}}
{{- if not (or (hasKey . "matchLabels") (hasKey . "matchExpressions") (kindIs "slice" .anyLabel)) -}}
{{- $_ := set $spec "nodeSelector" (dict "matchLabels" .) -}}
{{- end -}}
{{- end -}}
{{- toYaml $spec -}}
{{- end -}}

{{- define "kiv.controller.name" -}}
{{ include "kiv.fullname" . }}-controller
{{- end -}}

{{/* Name of the controller's objects that are in no namespace. */}}
{{- define "kiv.controller.clusterName" -}}
{{- printf "%s:%s" .Release.Namespace (include "kiv.controller.name" .) -}}
{{- end -}}

{{/* Labels that select the controller's pods. */}}
{{- define "kiv.controller.selectorLabels" -}}
{{- set (include "kiv.selectorLabels" . | fromYaml) "app.kubernetes.io/component" "controller" | toYaml -}}
{{- end -}}

{{- define "kiv.controller.labels" -}}
{{- include "kiv.controller.labelsWith" (dict "root" . "labels" list) -}}
{{- end -}}

{{/* Takes root and labels, a list of maps. */}}
{{- define "kiv.controller.labelsWith" -}}
{{- set (include "kiv.labelsWith" . | fromYaml) "app.kubernetes.io/component" "controller" | toYaml -}}
{{- end -}}

{{/* The sidecar's image, where the controller has none of its own: both programs are in it. */}}
{{- define "kiv.controller.image" -}}
{{- $own := .Values.controller.image | default dict -}}
{{- include "kiv.image" (dict "root" . "image" (ternary $own .Values.sidecar.image (not (empty $own.repository)))) -}}
{{- end -}}

{{- define "kiv.controller.pullPolicy" -}}
{{- coalesce (.Values.controller.image | default dict).pullPolicy .Values.sidecar.image.pullPolicy .Values.image.pullPolicy -}}
{{- end -}}

{{/* The controller's settings file. It renders every key: the schema on the other side is strict. */}}
{{- define "kiv.controller.config" -}}
{{- $c := .Values.controller -}}
{{- $addresses := list -}}
{{- range include "kiv.addresses" . | fromJsonArray -}}
{{- $addresses = append $addresses (regexReplaceAll `/.*$` (toString . | trim) "") -}}
{{- end -}}
release:
  namespace: {{ .Release.Namespace | toJson }}
  name: {{ .Release.Name | toJson }}
agentSelector: {{ include "kiv.podSelector" . | toJson }}
virtualRouterIds:
  first: {{ include "kiv.number" $c.virtualRouterIds.first }}
  last: {{ include "kiv.number" $c.virtualRouterIds.last }}
# What the release's single set of addresses has.
reserved:
  addresses: {{ $addresses | toJson }}
  virtualRouterIds: [{{ if $addresses }}{{ include "kiv.number" .Values.keepalived.virtualRouterId }}{{ end }}]
{{- if eq (include "kiv.ingressEnabled" .) "true" }}
controlPlaneIngress:
  {{- with include "kiv.ingressService" . }}
  service:
    {{- . | nindent 4 }}
  {{- else }} {}
  {{- end }}
{{- end }}
{{- if eq (include "kiv.servicesEnabled" .) "true" }}
services:
  {{- include "kiv.services" . | nindent 2 }}
{{- end }}
maxGroupsPerPool: {{ include "kiv.number" $c.maxGroupsPerPool }}
lease:
  name: {{ include "kiv.controller.name" . | toJson }}
  durationSeconds: 15
  renewSeconds: 10
  retrySeconds: 2
server:
  # Every address of the pod, of both families.
  address: ""
  port: {{ include "kiv.number" $c.port }}
log:
  level: {{ ternary "debug" .Values.logLevel .Values.keepalived.debug }}
{{- end -}}

{{/* The user's affinity; replicas avoid each other's node, where they can. */}}
{{- define "kiv.controller.affinity" -}}
{{- $affinity := deepCopy (.Values.controller.affinity | default dict) -}}
{{- if not $affinity.podAntiAffinity -}}
{{- $term := dict "topologyKey" "kubernetes.io/hostname" "labelSelector" (dict "matchLabels" (include "kiv.controller.selectorLabels" . | fromYaml)) -}}
{{- $apart := dict "weight" 100 "podAffinityTerm" $term -}}
{{- $_ := set $affinity "podAntiAffinity" (dict "preferredDuringSchedulingIgnoredDuringExecution" (list $apart)) -}}
{{- end -}}
{{- toYaml $affinity -}}
{{- end -}}

{{/* With an ingress of the control plane it runs where that is: MetalK8s' nodes may have no others. */}}
{{- define "kiv.controller.tolerations" -}}
{{- $tolerations := .Values.controller.tolerations | default list -}}
{{- if eq (include "kiv.ingressEnabled" .) "true" -}}
{{- range list "controlplane" "etcd" "bootstrap" "infra" -}}
{{- $tolerations = append $tolerations (dict "key" (printf "node-role.kubernetes.io/%s" .) "operator" "Exists") -}}
{{- end -}}
{{- end -}}
{{- toYaml $tolerations -}}
{{- end -}}

{{/*
Name of the policy that keeps sidecars to their own NodePlan. It is the same for every release: a cluster has one release with pools, because two
controllers would plan the same pools, and Helm refuses to install an object that another release has.
*/}}
{{- define "kiv.nodePlanPolicyName" -}}
nodeplans.keepalived-ingress-vip.io
{{- end -}}
