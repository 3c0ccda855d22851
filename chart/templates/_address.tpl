{{/*
The one spelling of an IP address, so that two spellings of the same can be compared: IPv4 as it is, IPv6 with all eight groups, lower
case and without leading zeros. Empty for what is no address. (Helm has no function that parses addresses.)
*/}}
{{- define "kiv.canonicalAddress" -}}
{{- $text := toString . | lower -}}
{{- if regexMatch `^((25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])\.){3}(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])$` $text -}}
{{- $text -}}
{{- else if regexMatch `^([0-9a-f]{1,4}:){7}[0-9a-f]{1,4}$` $text -}}
{{- include "kiv.trimGroups" (splitList ":" $text) -}}
{{- else if regexMatch `^([0-9a-f]{1,4}(:[0-9a-f]{1,4})*)?::([0-9a-f]{1,4}(:[0-9a-f]{1,4})*)?$` $text -}}
{{- $halves := splitList "::" $text -}}
{{- $head := compact (splitList ":" (first $halves)) -}}
{{- $tail := compact (splitList ":" (last $halves)) -}}
{{- $missing := sub 8 (add (len $head) (len $tail)) | int -}}
{{- if ge $missing 1 -}}
{{- $zeros := list -}}
{{- range until $missing -}}{{- $zeros = append $zeros "0" -}}{{- end -}}
{{- include "kiv.trimGroups" (concat $head $zeros $tail) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* IPv6 groups, joined, without leading zeros. */}}
{{- define "kiv.trimGroups" -}}
{{- $groups := list -}}
{{- range . -}}
{{- $groups = append $groups (regexReplaceAll `^0+([0-9a-f])` . "${1}") -}}
{{- end -}}
{{- join ":" $groups -}}
{{- end -}}

{{/* Why an address (canonical) can be no node's or virtual address; empty if it can. */}}
{{- define "kiv.unusableAddress" -}}
{{- if or (hasPrefix "127." .) (eq . "0:0:0:0:0:0:0:1") -}}a loopback address
{{- else if or (hasPrefix "0." .) (eq . "0:0:0:0:0:0:0:0") -}}the unspecified address
{{- else if or (regexMatch `^(22[4-9]|23[0-9])\.` .) (regexMatch `^ff[0-9a-f]{2}:` .) -}}a multicast address
{{- else if regexMatch `^2[45][0-9]\.` . -}}a reserved address
{{- end -}}
{{- end -}}
