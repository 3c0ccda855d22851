{{/* Name of the application, the value of app.kubernetes.io/name. */}}
{{- define "kiv.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* Name of the release's objects. 52 characters at most: Kubernetes adds a hash of 10 to the labels it derives from a workload's name. */}}
{{- define "kiv.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- $full := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) -}}
{{- default $full .Values.fullnameOverride | trunc 52 | trimSuffix "-" -}}
{{- end -}}

{{- define "kiv.authSecretName" -}}
{{ include "kiv.fullname" . }}-auth
{{- end -}}

{{- define "kiv.serviceAccountName" -}}
{{- default (include "kiv.fullname" .) .Values.serviceAccount.name -}}
{{- end -}}

{{/* Name of the release's objects that are in no namespace. The colon is in no other name: no two releases can have the same. */}}
{{- define "kiv.clusterName" -}}
{{- printf "%s:%s" .Release.Namespace (include "kiv.fullname" .) -}}
{{- end -}}

{{/* Labels that select the release's node pods. */}}
{{- define "kiv.selectorLabels" -}}
app.kubernetes.io/name: {{ include "kiv.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: node
{{- end -}}

{{/* The same as a selector in text. */}}
{{- define "kiv.podSelector" -}}
{{- printf "app.kubernetes.io/name=%s,app.kubernetes.io/instance=%s,app.kubernetes.io/component=node" (include "kiv.name" .) .Release.Name -}}
{{- end -}}

{{/* Labels of every object: the chart's own win over the user's, of which several may be given. Takes root and labels (a list of maps). */}}
{{- define "kiv.labelsWith" -}}
{{- $labels := include "kiv.selectorLabels" .root | fromYaml -}}
{{- $_ := set $labels "helm.sh/chart" (printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-") -}}
{{- $_ := set $labels "app.kubernetes.io/version" .root.Chart.AppVersion -}}
{{- $_ := set $labels "app.kubernetes.io/part-of" .root.Chart.Name -}}
{{- $_ := set $labels "app.kubernetes.io/managed-by" .root.Release.Service -}}
{{- range append .labels .root.Values.commonLabels -}}
{{- $labels = merge $labels (deepCopy (. | default dict)) -}}
{{- end -}}
{{- toYaml $labels -}}
{{- end -}}

{{- define "kiv.labels" -}}
{{- include "kiv.labelsWith" (dict "root" . "labels" list) -}}
{{- end -}}

{{/* deployment or daemonset, whatever the case it is written in. Pools and the control plane need a pod on every node that may hold an address. */}}
{{- define "kiv.kind" -}}
{{- ternary "daemonset" (toString .Values.kind | lower) (or (eq (include "kiv.poolsEnabled" .) "true") (eq (include "kiv.controlPlaneEnabled" .) "true")) -}}
{{- end -}}

{{/*
matchLabels of the workload. A workload's selector cannot be changed, so that of an existing one is kept where it still selects our pods:
an upgrade from a chart that selected by name and instance alone goes through without uninstalling.
*/}}
{{- define "kiv.matchLabels" -}}
{{- $ours := include "kiv.selectorLabels" . | fromYaml -}}
{{- $kind := ternary "DaemonSet" "Deployment" (eq (include "kiv.kind" .) "daemonset") -}}
{{- $live := lookup "apps/v1" $kind .Release.Namespace (include "kiv.fullname" .) -}}
{{- $kept := dig "spec" "selector" "matchLabels" dict ($live | default dict) -}}
{{- $usable := gt (len $kept) 0 -}}
{{- range $key, $value := $kept -}}
{{- if ne (get $ours $key) $value -}}{{- $usable = false -}}{{- end -}}
{{- end -}}
{{- toYaml (ternary $kept $ours $usable) -}}
{{- end -}}

{{/* Reference of an image. Takes root and image; Rancher's system registry goes in front where one is set. */}}
{{- define "kiv.image" -}}
{{- $registry := dig "cattle" "systemDefaultRegistry" "" (.root.Values.global | default dict) -}}
{{- $repository := ternary (printf "%s/%s" $registry .image.repository) .image.repository (ne $registry "") -}}
{{- if .image.digest -}}
{{- printf "%s@%s" $repository .image.digest -}}
{{- else -}}
{{- printf "%s:%s" $repository (default .root.Chart.AppVersion .image.tag) -}}
{{- end -}}
{{- end -}}

{{/* Seconds that keepalived's preStop hook waits: a little longer than the sidecar, which answers at its own limit. */}}
{{- define "kiv.drainSeconds" -}}
{{- .Values.keepalived.drainTimeout | float64 | ceil | int | add 5 -}}
{{- end -}}

{{/* All virtual addresses as a JSON list, vipAddressCidr first. */}}
{{- define "kiv.addresses" -}}
{{- $first := .Values.keepalived.vipAddressCidr | default "" | toString | trim -}}
{{- $more := list -}}
{{- range .Values.keepalived.vipAddresses -}}{{- $more = append $more (toString . | trim) -}}{{- end -}}
{{- ternary (prepend $more $first) $more (ne $first "") | toJson -}}
{{- end -}}

{{/* Where the service check's CA is mounted, empty if none is given. */}}
{{- define "kiv.serviceCaFile" -}}
{{- with .Values.keepalived.checkServiceCa -}}
{{- if or .configMap .secret -}}/etc/keepalived-ingress-vip-ca/{{ .key }}{{- end -}}
{{- end -}}
{{- end -}}
