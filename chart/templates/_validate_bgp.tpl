{{/* Announcing addresses by BGP. */}}
{{- define "kiv.validate.bgp" -}}
{{- $found := .found -}}
{{- $root := .root -}}
{{- if eq (include "kiv.bgpEnabled" $root) "true" -}}
{{- $b := $root.Values.bgp -}}
{{- include "kiv.validate.number" (dict "found" $found "field" "bgp.asNumber" "value" (include "kiv.wholeNumber" $b.asNumber) "min" 1 "max" "4294967294" "whole" true "advice" ", that of the nodes, e.g. 64512") -}}
{{- include "kiv.validate.bgpPrefixes" (dict "found" $found "prefixes" $b.prefixes) -}}
{{- include "kiv.validate.bgpPeers" (dict "found" $found "bgp" $b) -}}
{{- include "kiv.validate.bgpFamilies" (dict "found" $found "bgp" $b) -}}
{{- range $node, $id := $b.routerIds -}}
{{- if not (and (regexMatch `^[0-9.]+$` $id) (include "kiv.canonicalAddress" $id) (ne $id "0.0.0.0")) -}}
{{- include "kiv.problem" (dict "found" $found "message" (printf "bgp.routerIds.%s is %q; a router id is written like an IPv4 address, and not 0.0.0.0: give one that no other router has, like 10.0.0.1" $node $id)) -}}
{{- end -}}
{{- end -}}
{{- range $index, $community := $b.communities -}}
{{- include "kiv.validate.bgpCommunity" (dict "found" $found "field" (printf "bgp.communities[%d]" $index) "community" $community) -}}
{{- end -}}
{{- range $row := list (list "listenPort" 1024 65535) (list "holdTimeSeconds" 3 65535) (list "gracefulRestartSeconds" 0 4095) (list "localPreference" 0 "4294967295") -}}
{{- $value := include "kiv.wholeNumber" (get $b (first $row)) -}}
{{- if ne $value "" -}}
{{- include "kiv.validate.number" (dict "found" $found "field" (printf "bgp.%s" (first $row)) "value" $value "min" (index $row 1) "max" (index $row 2) "whole" true) -}}
{{- end -}}
{{- end -}}
{{- $bfd := $b.bfd | default dict -}}
{{- if ne (include "kiv.number" $bfd.intervalSeconds) "" -}}
{{- include "kiv.validate.number" (dict "found" $found "field" "bgp.bfd.intervalSeconds" "value" $bfd.intervalSeconds "min" 0.01 "max" 60 "whole" false) -}}
{{- end -}}
{{- if ne (include "kiv.number" $bfd.multiplier) "" -}}
{{- include "kiv.validate.number" (dict "found" $found "field" "bgp.bfd.multiplier" "value" $bfd.multiplier "min" 2 "max" 255 "whole" true) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* `true` for a network whose address has no bit behind the prefix, which is how BIRD wants it. */}}
{{- define "kiv.isNetwork" -}}
{{- $address := include "kiv.canonicalAddress" (regexReplaceAll `/.*$` . "") -}}
{{- $prefix := regexReplaceAll `^[^/]*/` . "" | atoi -}}
{{- if contains ":" $address -}}
{{- $digits := "" -}}
{{- range splitList ":" $address -}}{{- $digits = print $digits (regexFind `.{4}$` (print "000" .)) -}}{{- end -}}
{{- $zeros := index (list "" "[08]" "[048c]" "[02468ace]") (mod $prefix 4) -}}
{{- regexMatch (printf `^[0-9a-f]{%d}%s0*$` (div $prefix 4) $zeros) $digits -}}
{{- else -}}
{{- $number := 0 -}}
{{- range splitList "." $address -}}{{- $number = add (mul $number 256) (atoi .) -}}{{- end -}}
{{- $size := 1 -}}
{{- range until (sub 32 $prefix | int) -}}{{- $size = mul $size 2 -}}{{- end -}}
{{- eq (mod $number $size) 0 -}}
{{- end -}}
{{- end -}}

{{/* Takes found and prefixes. */}}
{{- define "kiv.validate.bgpPrefixes" -}}
{{- $found := .found -}}
{{- if empty .prefixes -}}
{{- include "kiv.problem" (dict "found" $found "message" "bgp.prefixes is empty, so that nothing would be announced; give the networks of the addresses, e.g. [203.0.113.0/24]") -}}
{{- end -}}
{{- range $index, $prefix := .prefixes -}}
{{- if or (not (contains "/" $prefix)) (ne (include "kiv.isPrefixed" $prefix) "true") -}}
{{- include "kiv.problem" (dict "found" $found "message" (printf "bgp.prefixes[%d] is %q; give a network like 203.0.113.0/24 or 2001:db8::/64" $index $prefix)) -}}
{{- else if ne (include "kiv.isNetwork" $prefix) "true" -}}
{{- include "kiv.problem" (dict "found" $found "message" (printf "bgp.prefixes[%d] is %q, an address in a network; give the network's own, which ends in zeros, like 203.0.113.0/24, or a single address with /%d" $index $prefix (ternary 128 32 (contains ":" $prefix)))) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Takes found and bgp. */}}
{{- define "kiv.validate.bgpPeers" -}}
{{- $found := .found -}}
{{- $b := .bgp -}}
{{- if empty $b.peers -}}
{{- include "kiv.problem" (dict "found" $found "message" "bgp.peers is empty; give the routers, e.g. [{address: 192.168.11.1, asNumber: 64513}]") -}}
{{- end -}}
{{- $addresses := list -}}
{{- range $b.peers -}}{{- $addresses = append $addresses .address -}}{{- end -}}
{{- range $index, $peer := $b.peers -}}
{{- $field := printf "bgp.peers[%d]" $index -}}
{{- $canonical := include "kiv.canonicalAddress" $peer.address -}}
{{- if not $canonical -}}
{{- include "kiv.problem" (dict "found" $found "message" (printf "%s.address is %q, which is no address of a router; write it like 192.168.11.1, without a prefix" $field $peer.address)) -}}
{{- end -}}
{{- with include "kiv.unusableAddress" $canonical -}}
{{- include "kiv.problem" (dict "found" $found "message" (printf "%s.address is %q, %s; give the router's address as the nodes reach it" $field $peer.address .)) -}}
{{- end -}}
{{- range $before, $address := $addresses -}}
{{- if and $canonical (lt $before $index) (eq (include "kiv.canonicalAddress" $address) $canonical) -}}
{{- include "kiv.problem" (dict "found" $found "message" (printf "%s.address is %q, which bgp.peers[%d] has already; remove one of them" $field $peer.address $before)) -}}
{{- end -}}
{{- end -}}
{{- include "kiv.validate.number" (dict "found" $found "field" (printf "%s.asNumber" $field) "value" (include "kiv.wholeNumber" $peer.asNumber) "min" 1 "max" "4294967294" "whole" true) -}}
{{- if ne (include "kiv.number" $peer.port) "" -}}
{{- include "kiv.validate.number" (dict "found" $found "field" (printf "%s.port" $field) "value" $peer.port "min" 1 "max" 65535 "whole" true) -}}
{{- end -}}
{{- if ne (include "kiv.number" $peer.multihop) "" -}}
{{- include "kiv.validate.number" (dict "found" $found "field" (printf "%s.multihop" $field) "value" $peer.multihop "min" 1 "max" 255 "whole" true) -}}
{{- end -}}
{{- with $peer.passwordSecret -}}
{{- if not (and (le (len .name) 253) (regexMatch `^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$` .name)) -}}
{{- include "kiv.problem" (dict "found" $found "message" (printf "%s.passwordSecret.name is %q; give the name of a Secret of the release's namespace" $field .name)) -}}
{{- end -}}
{{- if not (regexMatch `^[-._A-Za-z0-9]{0,253}$` (.key | default "")) -}}
{{- include "kiv.problem" (dict "found" $found "message" (printf "%s.passwordSecret.key is %q; give the name of the key that holds the password, e.g. password" $field .key)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* An address is announced by a session of its own family. Takes found and bgp. */}}
{{- define "kiv.validate.bgpFamilies" -}}
{{- $found := .found -}}
{{- $b := .bgp -}}
{{- range $row := list (list false "IPv4" "IPv6") (list true "IPv6" "IPv4") -}}
{{- $peers := list -}}
{{- range $b.peers -}}{{- if eq (contains ":" .address) (first $row) -}}{{- $peers = append $peers .address -}}{{- end -}}{{- end -}}
{{- $prefixes := list -}}
{{- range $b.prefixes -}}{{- if eq (contains ":" .) (first $row) -}}{{- $prefixes = append $prefixes . -}}{{- end -}}{{- end -}}
{{- if and $peers (not $prefixes) $b.prefixes -}}
{{- include "kiv.problem" (dict "found" $found "message" (printf "bgp.peers has %s, but bgp.prefixes no network of %s, so that nothing would be announced there; add a network, or give the router's %s address" (first $peers) (index $row 1) (index $row 2))) -}}
{{- end -}}
{{- if and $prefixes (not $peers) $b.peers -}}
{{- include "kiv.problem" (dict "found" $found "message" (printf "bgp.prefixes has %s, but no peer has an %s address, so that nobody would hear of it; give the routers' %s addresses as further peers" (first $prefixes) (index $row 1) (index $row 1))) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Takes found, field, community: of RFC 1997 (two numbers of 16 bits) or RFC 8092 (three of 32). */}}
{{- define "kiv.validate.bgpCommunity" -}}
{{- $parts := splitList ":" .community -}}
{{- $large := eq (len $parts) 3 -}}
{{- $valid := or $large (eq (len $parts) 2) -}}
{{- range $parts -}}
{{- if not (regexMatch `^(0|[1-9][0-9]{0,9})$` .) -}}{{- $valid = false -}}
{{- else if gt (float64 .) (ternary 4294967295.0 65535.0 $large) -}}{{- $valid = false -}}{{- end -}}
{{- end -}}
{{- if not $valid -}}
{{- include "kiv.problem" (dict "found" .found "message" (printf "%s is %q; give two numbers up to 65535 like 64512:100, or three up to 4294967295" .field .community)) -}}
{{- end -}}
{{- end -}}
