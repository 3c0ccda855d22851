module keepalived-ingress-vip/tools/api-load

go 1.24.0
