{{/*
Refuses values that cannot work, all problems at once, one line for each: "ERROR: <field> is <value>; <what to do>". The JSON schema
refuses unknown keys and wrong types; ranges and combinations are here, where the message can say how to repair them.
The sidecar checks the same settings again when it loads them; here they fail before anything is installed.
*/}}
{{- define "kiv.validate" -}}
{{- /* Every template asks; a thousand addresses are checked once for all of them. */ -}}
{{- if not (hasKey .Release "valuesAreChecked") -}}
{{- $found := dict "errors" list -}}
{{- range list "workload" "vrrp" "password" "addresses" "controlPlane" "pools" "controlPlaneIngress" "services" "bgp" "controller" "peers" "interfaces" "numbers" "checks" "targets" "ports" "metrics" "images" "extras" "nodes" -}}
{{- include (printf "kiv.validate.%s" .) (dict "root" $ "found" $found) -}}
{{- end -}}
{{- with $found.errors -}}
{{- printf "\n\nERROR: %s\n" (join "\nERROR: " .) | fail -}}
{{- end -}}
{{- $_ := set .Release "valuesAreChecked" true -}}
{{- end -}}
{{- end -}}

{{/* Takes found and message. */}}
{{- define "kiv.problem" -}}
{{- $_ := set .found "errors" (append .found.errors .message) -}}
{{- end -}}

{{/* Takes found, field, value, min, max, whole (is a fraction refused?), advice. */}}
{{- define "kiv.validate.number" -}}
{{- $text := toString .value | trim -}}
{{- $ok := false -}}
{{- if regexMatch (ternary `^(0|[1-9][0-9]*)$` `^(0|[1-9][0-9]*)(\.[0-9]+)?$` .whole) $text -}}
{{- $number := float64 $text -}}
{{- $ok = and (ge $number (float64 .min)) (le $number (float64 .max)) -}}
{{- end -}}
{{- if not $ok -}}
{{- $is := ternary "is missing" (printf "is %s" $text) (or (kindIs "invalid" .value) (eq $text "")) -}}
{{- include "kiv.problem" (dict "found" .found "message" (printf "%s %s; %s from %v to %v%s" .field $is (ternary "it must be a whole number" "it must be a number of seconds" .whole) .min .max (.advice | default ""))) -}}
{{- end -}}
{{- end -}}

{{- define "kiv.validate.workload" -}}
{{- $v := .root.Values -}}
{{- $kind := include "kiv.kind" .root -}}
{{- if not (has (toString $v.kind | lower) (list "deployment" "daemonset")) -}}
{{- include "kiv.problem" (dict "found" .found "message" (printf "kind is %q; choose Deployment or DaemonSet" (toString $v.kind))) -}}
{{- end -}}
{{- include "kiv.validate.number" (dict "found" .found "field" "pod.replicas" "value" $v.pod.replicas "min" 1 "max" 255 "whole" true) -}}
{{- $type := $v.updateStrategy.type -}}
{{- $types := ternary (list "RollingUpdate" "OnDelete") (list "RollingUpdate" "Recreate") (eq $kind "daemonset") -}}
{{- if not (has $type $types) -}}
{{- include "kiv.problem" (dict "found" .found "message" (printf "updateStrategy.type is %q; a %s has %s%s" $type (ternary "DaemonSet" "Deployment" (eq $kind "daemonset")) (join " or " $types) (ternary ", and with pools the pods are a DaemonSet's" "" (eq (include "kiv.poolsEnabled" .root) "true")))) -}}
{{- else if eq $type "RollingUpdate" -}}
{{- $rolling := $v.updateStrategy.rollingUpdate | default dict -}}
{{- $none := list "0" "0%" -}}
{{- $surges := not (has (toString ($rolling.maxSurge | default 0)) $none) -}}
{{- if and (not $surges) (has (toString $rolling.maxUnavailable) $none) -}}
{{- include "kiv.problem" (dict "found" .found "message" "updateStrategy.rollingUpdate.maxUnavailable and maxSurge are both 0, so that no pod could ever be replaced; set maxUnavailable to 1") -}}
{{- end -}}
{{- if and $surges (eq $kind "daemonset") -}}
{{- include "kiv.problem" (dict "found" .found "message" "updateStrategy.rollingUpdate.maxSurge must be 0 with a DaemonSet: the old and the new pod on a node would fight for its ports and addresses") -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "kiv.validate.vrrp" -}}
{{- $k := .root.Values.keepalived -}}
{{- $version := include "kiv.number" $k.vrrpVersion -}}
{{- if not (has $version (list "2" "3")) -}}
{{- include "kiv.problem" (dict "found" .found "message" (printf "keepalived.vrrpVersion is %s; choose 3, or 2 for a network that still needs it" $version)) -}}
{{- end -}}
{{- include "kiv.validate.number" (dict "found" .found "field" "keepalived.virtualRouterId" "value" $k.virtualRouterId "min" 1 "max" 255 "whole" true "advice" ", one that no other virtual router on the network has") -}}
{{- $interval := include "kiv.number" $k.advertInterval -}}
{{- if eq $version "2" -}}
{{- if not (and (regexMatch `^[1-9][0-9]*$` $interval) (le (float64 $interval) 255.0)) -}}
{{- include "kiv.problem" (dict "found" .found "message" (printf "keepalived.advertInterval is %s; VRRP version 2 counts in whole seconds, from 1 to 255: set it to 1, or use keepalived.vrrpVersion 3" $interval)) -}}
{{- end -}}
{{- /* RFC 9568 section 5.2.7: 12 bits of centiseconds. */ -}}
{{- else if not (and (regexMatch `^(0|[1-9][0-9]*)(\.[0-9]{1,2})?$` $interval) (ge (float64 $interval) 0.01) (le (float64 $interval) 40.95)) -}}
{{- include "kiv.problem" (dict "found" .found "message" (printf "keepalived.advertInterval is %s; VRRP version 3 can say 0.01 to 40.95 seconds in steps of 0.01" $interval)) -}}
{{- end -}}
{{- $failback := toString $k.failbackDelay -}}
{{- if not (or (kindIs "invalid" $k.failbackDelay) (eq $failback "")) -}}
{{- include "kiv.validate.number" (dict "found" .found "field" "keepalived.failbackDelay" "value" $k.failbackDelay "min" 0 "max" 86400 "whole" false) -}}
{{- if $k.vrrpNoPreempt -}}
{{- include "kiv.problem" (dict "found" .found "message" (printf "keepalived.failbackDelay is %s, but keepalived.vrrpNoPreempt forbids failback; remove one of the two" $failback)) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "kiv.validate.password" -}}
{{- $password := .root.Values.keepalived.authPassword -}}
{{- $version := include "kiv.number" .root.Values.keepalived.vrrpVersion -}}
{{- if not (has (toString $password) (list "" "<nil>")) -}}
{{- if not (kindIs "string" $password) -}}
{{- include "kiv.problem" (dict "found" .found "message" "keepalived.authPassword is a number; put it in quotes (on the command line: --set-string), or digits may be lost") -}}
{{- else if not (regexMatch `^[!#-&(-\[\]-~]{1,8}$` $password) -}}
{{- include "kiv.problem" (dict "found" .found "message" (printf "keepalived.authPassword has %d characters or one that cannot be used; give 1 to 8 printable ASCII characters without blank, quote and backslash" (len $password))) -}}
{{- end -}}
{{- if ne $version "2" -}}
{{- include "kiv.problem" (dict "found" .found "message" "keepalived.authPassword is given, but VRRP version 3 has no authentication; remove it, or set keepalived.vrrpVersion to 2 (and keepalived.advertInterval to 1)") -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "kiv.validate.addresses" -}}
{{- $found := .found -}}
{{- $k := .root.Values.keepalived -}}
{{- $fields := list -}}
{{- if $k.vipAddressCidr -}}{{- $fields = append $fields (list "keepalived.vipAddressCidr" $k.vipAddressCidr) -}}{{- end -}}
{{- range $index, $address := $k.vipAddresses -}}
{{- $fields = append $fields (list (printf "keepalived.vipAddresses[%d]" $index) $address) -}}
{{- end -}}
{{- if not (or $fields (eq (include "kiv.poolsEnabled" .root) "true") (eq (include "kiv.controlPlaneEnabled" .root) "true")) -}}
{{- include "kiv.problem" (dict "found" $found "message" "there is no virtual address; set keepalived.vipAddressCidr, e.g. 192.168.11.2/24, or the list keepalived.vipAddresses") -}}
{{- end -}}
{{- $_ := set $found "addresses" dict -}}
{{- range $fields -}}
{{- include "kiv.validate.address" (dict "found" $found "version" (include "kiv.number" $k.vrrpVersion) "field" (first .) "text" (last . | toString | trim)) -}}
{{- end -}}
{{- end -}}

{{/* Takes found (whose addresses has the field of each canonical address so far), version (of VRRP), field, text. */}}
{{- define "kiv.validate.address" -}}
{{- $found := .found -}}
{{- $field := .field -}}
{{- $text := .text -}}
{{- $canonical := include "kiv.canonicalAddress" (regexReplaceAll `/.*$` $text "") -}}
{{- $six := contains ":" $canonical -}}
{{- if eq (include "kiv.isMappedAddress" $text) "true" -}}
{{- include "kiv.problem" (dict "found" $found "message" (printf "%s is %q, an IPv4 address in the notation of IPv6; write the IPv4 address alone, like 192.168.11.2/24" $field $text)) -}}
{{- else if not $canonical -}}
{{- include "kiv.problem" (dict "found" $found "message" (printf "%s is %q, which is neither an IPv4 nor an IPv6 address; write it like 192.168.11.2/24 or fd00::2/64" $field $text)) -}}
{{- else -}}
{{- if contains "/" $text -}}
{{- $prefix := regexReplaceAll `^[^/]*/` $text "" -}}
{{- $longest := ternary 128 32 $six -}}
{{- if not (and (regexMatch `^[1-9][0-9]{0,2}$` $prefix) (le (atoi $prefix) $longest)) -}}
{{- include "kiv.problem" (dict "found" $found "message" (printf "%s is %q; the prefix behind the slash must be from 1 to %d" $field $text $longest)) -}}
{{- else if eq (include "kiv.isSubnetsOwn" (dict "address" $canonical "prefix" (atoi $prefix))) "true" -}}
{{- include "kiv.problem" (dict "found" $found "message" (printf "%s is %q, the network, broadcast or routers' address of the subnet that its prefix says, which no machine can have; give another address of it, or the right prefix" $field $text)) -}}
{{- end -}}
{{- end -}}
{{- with include "kiv.unusableAddress" $canonical -}}
{{- include "kiv.problem" (dict "found" $found "message" (printf "%s is %q, %s; give a free address of the nodes' network" $field $text .)) -}}
{{- end -}}
{{- if and $six (eq .version "2") -}}
{{- include "kiv.problem" (dict "found" $found "message" (printf "%s is %q, and IPv6 needs VRRP version 3; set keepalived.vrrpVersion to 3, or remove the address" $field $text)) -}}
{{- end -}}
{{- with get $found.addresses $canonical -}}
{{- include "kiv.problem" (dict "found" $found "message" (printf "%s is %q, which %s has already; remove one of them" $field $text .)) -}}
{{- end -}}
{{- $_ := set $found.addresses $canonical $field -}}
{{- end -}}
{{- end -}}

{{- define "kiv.validate.peers" -}}
{{- $k := .root.Values.keepalived -}}
{{- include "kiv.validate.peerList" (dict "found" .found "field" "keepalived.unicastPeers" "peers" $k.unicastPeers "version" (include "kiv.number" $k.vrrpVersion)) -}}
{{- end -}}

{{/* Takes found, field, peers, version (of VRRP), and single: whether the field is no list, and peers what it has. */}}
{{- define "kiv.validate.peerList" -}}
{{- $found := .found -}}
{{- $seen := dict -}}
{{- $four := false -}}
{{- $six := false -}}
{{- range $index, $text := .peers -}}
{{- $field := ternary $.field (printf "%s[%d]" $.field $index) (eq (toString $.single) "true") -}}
{{- $canonical := include "kiv.canonicalAddress" $text -}}
{{- if eq (include "kiv.isMappedAddress" $text) "true" -}}
{{- include "kiv.problem" (dict "found" $found "message" (printf "%s is %q, an IPv4 address in the notation of IPv6; write the IPv4 address alone, like 192.168.11.21" $field $text)) -}}
{{- else if not $canonical -}}
{{- include "kiv.problem" (dict "found" $found "message" (printf "%s is %q, which is no address of a node; write it like 192.168.11.21, without a prefix" $field $text)) -}}
{{- else -}}
{{- if contains ":" $canonical -}}{{- $six = true -}}{{- else -}}{{- $four = true -}}{{- end -}}
{{- with include "kiv.unusableAddress" $canonical -}}
{{- include "kiv.problem" (dict "found" $found "message" (printf "%s is %q, %s; give the node's address on the network of the virtual address" $field $text .)) -}}
{{- end -}}
{{- with get $seen $canonical -}}
{{- include "kiv.problem" (dict "found" $found "message" (printf "%s is %q, which %s has already; remove one of them" $field $text .)) -}}
{{- end -}}
{{- with get $found.addresses $canonical -}}
{{- include "kiv.problem" (dict "found" $found "message" (printf "%s is %q, the virtual address of %s; peers are the nodes' own addresses" $field $text .)) -}}
{{- end -}}
{{- $_ := set $seen $canonical $field -}}
{{- end -}}
{{- end -}}
{{- if and $four $six -}}
{{- include "kiv.problem" (dict "found" $found "message" (printf "%s mixes IPv4 and IPv6; nodes talk by one family: give all peers in that of the first virtual address" .field)) -}}
{{- end -}}
{{- if and $six (eq .version "2") -}}
{{- include "kiv.problem" (dict "found" $found "message" (printf "%s has an IPv6 address, which needs VRRP version 3; set keepalived.vrrpVersion to 3, or give IPv4 addresses" .field)) -}}
{{- end -}}
{{- end -}}

{{- define "kiv.validate.interfaces" -}}
{{- $k := .root.Values.keepalived -}}
{{- range $field := list "vrrpInterfaceName" "vipInterfaceName" -}}
{{- include "kiv.validate.interface" (dict "found" $.found "field" (printf "keepalived.%s" $field) "name" (get $k $field)) -}}
{{- end -}}
{{- end -}}

{{/* Takes found, field, name. */}}
{{- define "kiv.validate.interface" -}}
{{- $name := .name | default "" | toString -}}
{{- if eq $name "lo" -}}
{{- include "kiv.problem" (dict "found" .found "message" (printf "%s is \"lo\", on which VRRP reaches no other node; name the interface of the nodes' network" .field)) -}}
{{- else if ne (include "kiv.isInterface" $name) "true" -}}
{{- include "kiv.problem" (dict "found" .found "message" (printf "%s is %q; give an interface's name (what \"ip link\" prints before a colon or @; at most 15 of A-Z, a-z, 0-9 and . _ + -) or its MAC address like 52:54:00:12:34:56, or leave it empty" .field $name)) -}}
{{- end -}}
{{- end -}}

{{/* Durations and thresholds; the limits are those of the sidecar's settings. */}}
{{- define "kiv.validate.numbers" -}}
{{- $found := .found -}}
{{- $k := .root.Values.keepalived -}}
{{- range $check := list "checkService" "checkKubelet" "checkKubeApi" -}}
{{- range $row := list (list "Interval" 0.1 3600 false) (list "Timeout" 0.05 60 false) (list "FailAfter" 1 1000 true) (list "RiseAfter" 1 1000 true) -}}
{{- $field := printf "%s%s" $check (index $row 0) -}}
{{- include "kiv.validate.number" (dict "found" $found "field" (printf "keepalived.%s" $field) "value" (index $k $field) "min" (index $row 1) "max" (index $row 2) "whole" (index $row 3)) -}}
{{- end -}}
{{- end -}}
{{- include "kiv.validate.number" (dict "found" $found "field" "keepalived.lastResort.after" "value" $k.lastResort.after "min" 0 "max" 3600 "whole" false) -}}
{{- include "kiv.validate.number" (dict "found" $found "field" "keepalived.drainTimeout" "value" $k.drainTimeout "min" 0 "max" 600 "whole" false) -}}
{{- include "kiv.validate.resetConnections" (dict "found" $found "resets" ($k.resetConnections | default dict)) -}}
{{- end -}}

{{- define "kiv.validate.resetConnections" -}}
{{- if hasKey .resets "limit" -}}
{{- include "kiv.validate.number" (dict "found" .found "field" "keepalived.resetConnections.limit" "value" .resets.limit "min" 1 "max" 100000 "whole" true) -}}
{{- end -}}
{{- $key := .resets.key | default "" -}}
{{- if and $key (not (regexMatch `^[!-~]{16,256}$` $key)) -}}
{{- include "kiv.problem" (dict "found" .found "message" (printf "keepalived.resetConnections.key has %d characters or one that cannot be used; give 16 to 256 printable ASCII characters without blanks, or none" (len $key))) -}}
{{- end -}}
{{- end -}}

{{/* Takes found, field, url, schemes, example. */}}
{{- define "kiv.validate.url" -}}
{{- $url := toString .url -}}
{{- $scheme := regexReplaceAll `://.*$` $url "" -}}
{{- if not (and (contains "://" $url) (has $scheme .schemes)) -}}
{{- include "kiv.problem" (dict "found" .found "message" (printf "%s is %q; it must begin with %s://, like %s" .field $url (join ":// or " .schemes) .example)) -}}
{{- else if regexMatch `^[^/]*//[^/?#]*@` $url -}}
{{- include "kiv.problem" (dict "found" .found "message" (printf "%s has a user name or password in it; a check never sends any, remove them" .field)) -}}
{{- else -}}
{{- $port := regexFind `:[0-9]+$` (regexFind `^[a-z]+://[^/?#\s]*` $url) | trimPrefix ":" -}}
{{- $valid := regexMatch `^[a-z]+://(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?([/?#]\S*)?$` $url -}}
{{- if and $valid $port -}}{{- $valid = and (ge (atoi $port) 1) (le (atoi $port) 65535) -}}{{- end -}}
{{- if not $valid -}}
{{- include "kiv.problem" (dict "found" .found "message" (printf "%s is %q, which is not a valid URL; write it like %s" .field $url .example)) -}}
{{- else if and (eq $scheme "tcp") (not $port) -}}
{{- include "kiv.problem" (dict "found" .found "message" (printf "%s is %q, which has no port; write it like tcp://127.0.0.1:80" .field $url)) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Takes found, field, host, text. A name may lead to a virtual address, too, which nobody can know. */}}
{{- define "kiv.validate.target" -}}
{{- with get .found.addresses (include "kiv.canonicalAddress" .host | default "none") -}}
{{- include "kiv.problem" (dict "found" $.found "message" (printf "%s is %q, at the virtual address of %s, where every node reaches the one that holds it, so that all look as healthy as that one; let it ask at 127.0.0.1, or at the node's own address" $.field $.text .)) -}}
{{- end -}}
{{- end -}}

{{/* What asks at a virtual address; when all of these are known. */}}
{{- define "kiv.validate.targets" -}}
{{- $found := .found -}}
{{- $k := .root.Values.keepalived -}}
{{- range $field, $url := dict "keepalived.checkServiceUrl" $k.checkServiceUrl "keepalived.checkKubeletUrl" (ternary $k.checkKubeletUrl "" $k.checkKubelet) -}}
{{- $host := regexReplaceAll `^[a-z]+://(\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9._-]+)).*$` (toString $url) "${2}${3}" -}}
{{- include "kiv.validate.target" (dict "found" $found "field" $field "host" $host "text" (toString $url)) -}}
{{- end -}}
{{- $checks := dict "controlPlane.ingress" (include "kiv.ingress" .root | fromYaml) -}}
{{- range $name, $pool := .root.Values.virtualIPPools -}}{{- $_ := set $checks (printf "virtualIPPools.%s" $name) ($pool | default dict) -}}{{- end -}}
{{- range $field, $pool := $checks -}}
{{- range $kind := list "httpGet" "tcpSocket" -}}
{{- with (get ($pool.healthCheck | default dict) $kind | default dict).host -}}
{{- include "kiv.validate.target" (dict "found" $found "field" (printf "%s.healthCheck.%s.host" $field $kind) "host" . "text" .) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "kiv.validate.checks" -}}
{{- $found := .found -}}
{{- $k := .root.Values.keepalived -}}
{{- include "kiv.validate.url" (dict "found" $found "field" "keepalived.checkServiceUrl" "url" $k.checkServiceUrl "schemes" (list "http" "https" "tcp") "example" "http://127.0.0.1:10254/healthz") -}}
{{- include "kiv.validate.url" (dict "found" $found "field" "keepalived.checkKubeletUrl" "url" $k.checkKubeletUrl "schemes" (list "http" "https") "example" "http://127.0.0.1:10248/healthz") -}}
{{- with $k.checkKubeApiUrl -}}
{{- include "kiv.validate.url" (dict "found" $found "field" "keepalived.checkKubeApiUrl" "url" . "schemes" (list "https") "example" "https://127.0.0.1:6443/readyz, or be empty for the cluster's own API server") -}}
{{- end -}}
{{- range $index, $status := $k.checkServiceExpectedStatuses -}}
{{- include "kiv.validate.number" (dict "found" $found "field" (printf "keepalived.checkServiceExpectedStatuses[%d]" $index) "value" $status "min" 100 "max" 599 "whole" true) -}}
{{- end -}}
{{- if not (regexMatch `^([A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?(:[0-9]{1,5})?)?$` ($k.checkServiceHost | default "")) -}}
{{- include "kiv.problem" (dict "found" $found "message" (printf "keepalived.checkServiceHost is %q; give a host name like ingress.example.org, without scheme and path" $k.checkServiceHost)) -}}
{{- end -}}
{{- $ca := $k.checkServiceCa -}}
{{- if and $ca.configMap $ca.secret -}}
{{- include "kiv.problem" (dict "found" $found "message" "keepalived.checkServiceCa has both a configMap and a secret; remove one of the two") -}}
{{- end -}}
{{- if or $ca.configMap $ca.secret -}}
{{- if not (hasPrefix "https://" (include "kiv.serviceUrl" .root)) -}}
{{- include "kiv.problem" (dict "found" $found "message" (printf "keepalived.checkServiceCa is given, but keepalived.checkServiceUrl is %q; make it https://…, or remove the CA" $k.checkServiceUrl)) -}}
{{- end -}}
{{- if not (regexMatch `^[-._A-Za-z0-9]+$` ($ca.key | default "")) -}}
{{- include "kiv.problem" (dict "found" $found "message" (printf "keepalived.checkServiceCa.key is %q; give the name of the key that holds the certificate, e.g. ca.crt" ($ca.key | default ""))) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "kiv.validate.ports" -}}
{{- $found := .found -}}
{{- $v := .root.Values -}}
{{- $seen := dict -}}
{{- range $index, $port := $v.keepalived.tripwirePorts -}}
{{- include "kiv.validate.number" (dict "found" $found "field" (printf "keepalived.tripwirePorts[%d]" $index) "value" $port "min" 1 "max" 65535 "whole" true) -}}
{{- if hasKey $seen (toString $port) -}}
{{- include "kiv.problem" (dict "found" $found "message" (printf "keepalived.tripwirePorts has %v twice; remove one" $port)) -}}
{{- end -}}
{{- $_ := set $seen (toString $port) true -}}
{{- end -}}
{{- /* The sidecar runs without privileges: ports below 1024 are not for it. */ -}}
{{- include "kiv.validate.number" (dict "found" $found "field" "sidecar.port" "value" $v.sidecar.port "min" 1024 "max" 65535 "whole" true) -}}
{{- include "kiv.validate.number" (dict "found" $found "field" "metrics.port" "value" $v.metrics.port "min" 1024 "max" 65535 "whole" true) -}}
{{- if eq (include "kiv.number" $v.sidecar.port) (include "kiv.number" $v.metrics.port) -}}
{{- include "kiv.problem" (dict "found" $found "message" (printf "sidecar.port and metrics.port are both %s; give them two ports" (include "kiv.number" $v.sidecar.port))) -}}
{{- end -}}
{{- end -}}

{{- define "kiv.validate.metrics" -}}
{{- $found := .found -}}
{{- $m := .root.Values.metrics -}}
{{- if not (include "kiv.canonicalAddress" $m.address) -}}
{{- include "kiv.problem" (dict "found" $found "message" (printf "metrics.address is %q, which is no IP address; 0.0.0.0 serves on every address of the node" (toString $m.address))) -}}
{{- end -}}
{{- if not $m.enabled -}}
{{- range $field := list "podMonitor" "serviceMonitor" "prometheusRule" -}}
{{- if (get $m $field).enabled -}}
{{- include "kiv.problem" (dict "found" $found "message" (printf "metrics.%s.enabled is true, but metrics.enabled is not, so that Prometheus would reach nothing; set metrics.enabled to true" $field)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if and $m.podMonitor.enabled $m.serviceMonitor.enabled -}}
{{- include "kiv.problem" (dict "found" $found "message" "metrics.podMonitor and metrics.serviceMonitor are both enabled, which would scrape every pod twice; disable one") -}}
{{- end -}}
{{- end -}}

{{- define "kiv.validate.images" -}}
{{- $found := .found -}}
{{- $v := .root.Values -}}
{{- $images := dict "image" $v.image "sidecar.image" $v.sidecar.image -}}
{{- with ($v.controller | default dict).image -}}
{{- if .repository -}}{{- $_ := set $images "controller.image" . -}}{{- end -}}
{{- end -}}
{{- if eq (include "kiv.proxyEnabled" .root) "true" -}}
{{- $_ := set $images "proxy.image" (include "kiv.proxyImage" .root | fromYaml) -}}
{{- end -}}
{{- if eq (include "kiv.bgpEnabled" .root) "true" -}}
{{- $_ := set $images "bgp.image" (include "kiv.birdImage" .root | fromYaml) -}}
{{- end -}}
{{- range $field, $image := $images -}}
{{- if hasSuffix "janeczku/keepalived-ingress-vip" $image.repository -}}
{{- include "kiv.problem" (dict "found" $found "message" (printf "%s.repository is %q, the image of the chart that this one replaces, which has another inside; remove image.repository and image.tag from your values" $field $image.repository)) -}}
{{- else if not (regexMatch `^[a-zA-Z0-9][a-zA-Z0-9._:/-]*$` $image.repository) -}}
{{- include "kiv.problem" (dict "found" $found "message" (printf "%s.repository is %q; give it like registry.example.org/keepalived, without tag" $field $image.repository)) -}}
{{- end -}}
{{- if not (regexMatch `^([A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?$` ($image.tag | default "")) -}}
{{- include "kiv.problem" (dict "found" $found "message" (printf "%s.tag is %q, which is no image tag; for a digest use %s.digest" $field $image.tag $field)) -}}
{{- end -}}
{{- if not (regexMatch `^(sha256:[0-9a-f]{64})?$` ($image.digest | default "")) -}}
{{- include "kiv.problem" (dict "found" $found "message" (printf "%s.digest is %q; give it like sha256: and 64 hexadecimal digits" $field $image.digest)) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "kiv.validate.extras" -}}
{{- $found := .found -}}
{{- $v := .root.Values -}}
{{- $pod := $v.pod.extraEnv | default list -}}
{{- $containers := dict
  "keepalived.extraEnv" (list ($v.keepalived.extraEnv | default list) (list "DRAIN_TIMEOUT_SECONDS" "RUNTIME_DIR" "STATE_DIR" "KEEPALIVED" "REDIRECT_TABLE" "SYSCTLS" "RESET_CONNECTIONS"))
  "proxy.extraEnv" (list (($v.proxy | default dict).extraEnv | default list) (list "RUNTIME_DIR" "HAPROXY" "STOP_SECONDS"))
  "sidecar.extraEnv" (list ($v.sidecar.extraEnv | default list) (list "NODE_NAME" "NODE_IP" "POD_NAME" "POD_NAMESPACE")) -}}
{{- if eq (include "kiv.bgpEnabled" .root) "true" -}}
{{- $_ := set $containers "pod.extraEnv" (list list (list "NODE_IPS" "CONFIG_DIR" "PASSWORD_DIR" "TOLD_DIR")) -}}
{{- end -}}
{{- range $field, $row := $containers -}}
{{- $seen := dict -}}
{{- range $index, $variable := concat $pod (first $row) -}}
{{- $where := ternary "pod.extraEnv" $field (lt $index (len $pod)) -}}
{{- if has $variable.name (last $row) -}}
{{- include "kiv.problem" (dict "found" $found "message" (printf "%s has %s, which the chart sets itself; remove it" $where $variable.name)) -}}
{{- end -}}
{{- if hasKey $seen $variable.name -}}
{{- include "kiv.problem" (dict "found" $found "message" (printf "%s has %s, which %s has already; remove one of them" $where $variable.name (get $seen $variable.name))) -}}
{{- end -}}
{{- $_ := set $seen $variable.name $where -}}
{{- end -}}
{{- end -}}
{{- range $volume := $v.pod.extraVolumes -}}
{{- if has $volume.name (list "config" "runtime" "state" "tmp" "api-access" "auth" "service-ca" "proxy-runtime" "sidecar-state" "bgp-config" "bgp-runtime" "bfd-runtime" "bgp-passwords" "bgp-status" "bfd-status" "network-settings" "connections") -}}
{{- include "kiv.problem" (dict "found" $found "message" (printf "pod.extraVolumes has %q, a name that the chart uses itself; give it another" $volume.name)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
