{{/* Addresses of pools for Services of type LoadBalancer (values `services`). */}}

{{/* `true` if the release serves Services. */}}
{{- define "kiv.servicesEnabled" -}}
{{- eq (toString (.Values.services | default dict).enabled) "true" -}}
{{- end -}}

{{- define "kiv.loadBalancerClass" -}}
{{- (.Values.services | default dict).loadBalancerClass | default "keepalived-ingress-vip.io/vip" -}}
{{- end -}}

{{/* The section of the controller's settings. What `helm upgrade --reuse-values` brings from an older chart lacks keys: they have the defaults. */}}
{{- define "kiv.services" -}}
{{- $s := .Values.services | default dict -}}
loadBalancerClass: {{ include "kiv.loadBalancerClass" . | toJson }}
classless: {{ eq (toString $s.classless) "true" }}
aliases: {{ ne (toString $s.aliases) "false" }}
externalIPs: {{ $s.externalIPs | default "Off" | toJson }}
{{- with $s.multicastGroup }}
multicastGroup: {{ include "kiv.number" . }}
{{- end }}
{{- end -}}

{{/* Name of the Job that takes back what Services have, and of its account and roles. */}}
{{- define "kiv.release.name" -}}
{{ include "kiv.fullname" . }}-release
{{- end -}}

{{- define "kiv.release.clusterName" -}}
{{- printf "%s:%s" .Release.Namespace (include "kiv.release.name" .) -}}
{{- end -}}

{{- define "kiv.release.labels" -}}
{{- set (include "kiv.labels" . | fromYaml) "app.kubernetes.io/component" "release" | toYaml -}}
{{- end -}}

{{/*
When Helm runs that Job: before the release goes, and after an upgrade that stops serving Services. Empty: never. That Services were served
is seen in the cluster, so that other upgrades start no Job: in the controller's settings of before, or in claims that are left of an
upgrade whose Job failed.
*/}}
{{- define "kiv.release.hook" -}}
{{- if eq (include "kiv.servicesEnabled" .) "true" -}}
pre-delete
{{- else if .Release.IsUpgrade -}}
{{- $before := lookup "v1" "ConfigMap" .Release.Namespace (include "kiv.controller.name" .) | default dict -}}
{{- $settings := get ($before.data | default dict) "config.yaml" | default "" -}}
{{- $claims := dict -}}
{{- if .Capabilities.APIVersions.Has "keepalived-ingress-vip.io/v1alpha1/ServiceAddress" -}}
{{- $claims = lookup "keepalived-ingress-vip.io/v1alpha1" "ServiceAddress" "" "" | default dict -}}
{{- end -}}
{{- if or (regexMatch `(?m)^services:` $settings) $claims.items -}}
post-upgrade
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Takes root, hook, weight, and kept: whether the object is left when it failed, to be looked at. */}}
{{- define "kiv.release.annotations" -}}
helm.sh/hook: {{ .hook }}
helm.sh/hook-weight: {{ .weight | quote }}
helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded{{ if not .kept }},hook-failed{{ end }}
{{- end -}}

{{/* What is told of it. */}}
{{- define "kiv.notes.services" -}}
{{- $classless := eq (toString .Values.services.classless) "true" }}

  services    of type LoadBalancer with loadBalancerClass {{ include "kiv.loadBalancerClass" . }}{{ if $classless }}, or with none{{ end }}, from the ranges of pools
{{- if not $classless }}
              (those that name no class are served with services.classless: true)
{{- end }}

Which Service has which address, and which node holds it:

  kubectl get serviceaddresses
{{- end -}}

{{/* Name of the policy that keeps the controller to finalizers and status. A cluster has one release with pools. */}}
{{- define "kiv.servicesPolicyName" -}}
services.keepalived-ingress-vip.io
{{- end -}}
