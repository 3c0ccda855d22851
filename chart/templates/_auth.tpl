{{/*
The password of VRRP version 2: the one given, else the one that the release already uses, else a random one. The Secret that is named like
the release was written by the chart that this one replaces: taking its password over keeps old and new pods talking during the upgrade.
*/}}
{{- define "kiv.authPassword" -}}
{{- $given := .Values.keepalived.authPassword | default "" | toString -}}
{{- $own := lookup "v1" "Secret" .Release.Namespace (include "kiv.authSecretName" .) | default dict -}}
{{- $predecessor := lookup "v1" "Secret" .Release.Namespace (include "kiv.fullname" .) | default dict -}}
{{- $kept := dig "data" "authPassword" (dig "data" "password" "" $predecessor) $own | b64dec -}}
{{- coalesce $given $kept (randAlphaNum 8) -}}
{{- end -}}

{{/* `true` or `false`. Without a value it is true: `helm upgrade --reuse-values` gives none for what the chart did not have before. */}}
{{- define "kiv.resetConnections" -}}
{{- $given := (.Values.keepalived.resetConnections | default dict).enabled -}}
{{- or (kindIs "invalid" $given) $given -}}
{{- end -}}

{{- define "kiv.connectionsSecretName" -}}
{{ include "kiv.fullname" . }}-connections
{{- end -}}

{{/* The key that nodes know each other by: the one given, else the one that the release already uses, else a random one. */}}
{{- define "kiv.connectionsKey" -}}
{{- $given := (.Values.keepalived.resetConnections | default dict).key | default "" | toString -}}
{{- $own := lookup "v1" "Secret" .Release.Namespace (include "kiv.connectionsSecretName" .) | default dict -}}
{{- coalesce $given (dig "data" "key" "" $own | b64dec) (randAlphaNum 32) -}}
{{- end -}}
