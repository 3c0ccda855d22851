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

{{/*
Why an address (canonical) can be no node's or virtual address; empty if it can. This, the two definitions below it and those of interfaces
and hosts say the same as api/addresses.ts, api/interfaces.ts and api/hosts.ts; a test compares them.
*/}}
{{- define "kiv.unusableAddress" -}}
{{- if or (hasPrefix "127." .) (eq . "0:0:0:0:0:0:0:1") -}}a loopback address
{{- else if or (hasPrefix "0." .) (eq . "0:0:0:0:0:0:0:0") -}}the unspecified address
{{- else if or (regexMatch `^(22[4-9]|23[0-9])\.` .) (regexMatch `^ff[0-9a-f]{2}:` .) -}}a multicast address
{{- else if or (hasPrefix "169.254." .) (regexMatch `^fe[89ab][0-9a-f]:` .) -}}a link-local address
{{- else if or (regexMatch `^2[45][0-9]\.` .) (hasPrefix "0:0:0:0:0:0:" .) -}}a reserved address
{{- end -}}
{{- end -}}

{{/* `true` for a text that is an IPv4 address in the notation of IPv6 (RFC 4291 section 2.5.5.2), with or without dots and prefix. */}}
{{- define "kiv.isMappedAddress" -}}
{{- regexMatch `^((0{1,4}:){5}ffff:|(0{1,4}(:0{1,4}){0,3})?::(0{1,4}:){0,4}ffff:([0-9a-f]{1,4}:[0-9a-f]{1,4}|[0-9.]+)(/[0-9]*)?$)` (lower .) -}}
{{- end -}}

{{/*
`true` when an address is its subnet's own: the network, broadcast or routers' address. Subnets of one or two addresses have none (RFC 3021,
RFC 6164). Takes address (canonical) and prefix (a number).
*/}}
{{- define "kiv.isSubnetsOwn" -}}
{{- if contains ":" .address -}}
{{- $digits := "" -}}
{{- range splitList ":" .address -}}{{- $digits = print $digits (regexFind `.{4}$` (print "000" .)) -}}{{- end -}}
{{- $zeros := index (list "" "[08]" "[048c]" "[02468ace]") (mod .prefix 4) -}}
{{- and (le .prefix 126) (regexMatch (printf `^[0-9a-f]{%d}%s0*$` (div .prefix 4) $zeros) $digits) -}}
{{- else -}}
{{- $number := 0 -}}
{{- range splitList "." .address -}}{{- $number = add (mul $number 256) (atoi .) -}}{{- end -}}
{{- $size := 1 -}}
{{- range until (sub 32 .prefix | int) -}}{{- $size = mul $size 2 -}}{{- end -}}
{{- $host := mod $number $size -}}
{{- and (le .prefix 30) (or (eq $host 0) (eq $host (sub $size 1))) -}}
{{- end -}}
{{- end -}}

{{/* `true` for the name or MAC address of an interface that VRRP can be spoken on, and for an empty text. */}}
{{- define "kiv.isInterface" -}}
{{- $valid := regexMatch `^([A-Za-z0-9_.+][A-Za-z0-9_.+-]{0,14}|([0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2})?$` . -}}
{{- and $valid (not (regexMatch `^(lo|\.|\.\.|(00:){5}00|[0-9a-fA-F][13579bdfBDF]:.*)$` .)) -}}
{{- end -}}

{{/* `true` for the host of a check, and for an empty text. */}}
{{- define "kiv.isHost" -}}
{{- $label := `[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?` -}}
{{- $name := and (regexMatch (printf `^%s([.]%s)*[.]?$` $label $label) .) (not (regexMatch `^(.*[.])?([0-9]+|0[xX][0-9a-fA-F]*)[.]?$|^(.*[.])?[xX][nN]--` .)) -}}
{{- $address := include "kiv.canonicalAddress" . -}}
{{- $target := not (regexMatch `^((0|22[4-9]|2[3-5][0-9])[.]|169[.]254[.]|[0:]+$|[fF][fF][0-9a-fA-F]{2}:|[fF][eE][89abAB][0-9a-fA-F]:)` .) -}}
{{- or (eq . "") (and (le (len .) 253) (or $name (ne $address "")) $target) -}}
{{- end -}}
