package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// RelayOptions of relay.
type RelayOptions struct {
	// Listen is ADDRESS:PORT.
	Listen string `json:"listen"`
	// Backends are ADDRESS:PORT.
	Backends []string `json:"backends"`
	// CaFile has the authority that signed the servers' certificates, as PEM.
	CaFile string `json:"caFile"`
}

const (
	// As in https://github.com/k0sproject/k0s/tree/main/pkg/component/controller/cplb: its reconciler, and tcpproxy beside it.
	relayCheckEvery = time.Second
	relayDialLimit  = 10 * time.Second
)

// backend is an API server, and whether its last check that ended was good.
type backend struct {
	address string
	healthy atomic.Bool
}

// balancer gives the backends in turn.
type balancer struct {
	backends []*backend
	next     atomic.Uint64
}

// relay does what k0s's proxy does: round robin over the backends whose check was good, over all while none was; asked once a second on a new
// connection without a time limit; nothing is tried twice, and nothing that was begun is ended.
func relay(text []byte) error {
	var options RelayOptions
	if err := json.Unmarshal(text, &options); err != nil {
		return err
	}
	ca, err := os.ReadFile(options.CaFile)
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(ca) {
		return fmt.Errorf("%s has no certificate", options.CaFile)
	}
	transport := &http.Transport{
		DisableKeepAlives: true,
		TLSClientConfig:   &tls.Config{RootCAs: roots, ServerName: "kubernetes", MinVersion: tls.VersionTLS12},
	}
	b := &balancer{}
	for _, address := range options.Backends {
		each := &backend{address: address}
		b.backends = append(b.backends, each)
		go each.check(&http.Client{Transport: transport})
	}
	listener, err := net.Listen("tcp", options.Listen)
	if err != nil {
		return err
	}
	go b.serve(listener)
	say(map[string]string{"listens": options.Listen})
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

func (b *backend) check(client *http.Client) {
	ticker := time.NewTicker(relayCheckEvery)
	defer ticker.Stop()
	for ; ; <-ticker.C {
		response, err := client.Get("https://" + b.address + "/healthz")
		b.healthy.Store(err == nil && response.StatusCode == http.StatusOK)
		if err == nil {
			response.Body.Close()
		}
	}
}

// choose gives the next backend that may be used.
func (b *balancer) choose() *backend {
	usable := make([]*backend, 0, len(b.backends))
	for _, each := range b.backends {
		if each.healthy.Load() {
			usable = append(usable, each)
		}
	}
	if len(usable) == 0 {
		usable = b.backends
	}
	return usable[b.next.Add(1)%uint64(len(usable))]
}

func (b *balancer) serve(listener net.Listener) {
	for {
		client, err := listener.Accept()
		if err != nil {
			return
		}
		go join(client, b.choose())
	}
}

// join hands on what either side says until both have said all.
func join(client net.Conn, to *backend) {
	defer client.Close()
	server, err := net.DialTimeout("tcp", to.address, relayDialLimit)
	if err != nil {
		return
	}
	defer server.Close()
	var both sync.WaitGroup
	both.Add(2)
	for _, way := range []struct{ from, to net.Conn }{{client, server}, {server, client}} {
		go func() {
			defer both.Done()
			io.Copy(way.to, way.from) // spliced by the kernel
			way.to.(*net.TCPConn).CloseWrite()
		}()
	}
	both.Wait()
}
