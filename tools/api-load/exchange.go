package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"time"
)

// none is why a request failed that had no answer at the client's own limit.
const none = "none"

// exchange is one connection with one request.
type exchange struct {
	target string
	path   string
	config *tls.Config
	limit  time.Duration
	// namedByBody: the server says its name in the first line of the body; else it is in its certificate.
	namedByBody bool
	// endless: the answer goes on; it counts as given with its first bytes.
	endless bool
}

// run connects, asks, and calls named once there is an answer: a whole one, or the first line of one that goes on. It returns when the
// connection is over, with why it failed; "" where all was well.
func (e exchange) run(named func(server string)) string {
	deadline := time.Now().Add(e.limit)
	ctx, cancel := context.WithDeadline(context.Background(), deadline)
	defer cancel()
	raw, err := (&net.Dialer{}).DialContext(ctx, "tcp", e.target)
	if err != nil {
		return why(err)
	}
	defer raw.Close()
	if err := raw.SetDeadline(deadline); err != nil {
		return why(err)
	}
	connection := tls.Client(raw, e.config)
	if err := connection.Handshake(); err != nil {
		return why(err)
	}
	ending := "Connection: close\r\n"
	if e.endless {
		ending = ""
	}
	if _, err := fmt.Fprintf(connection, "GET %s HTTP/1.1\r\nHost: kubernetes\r\n%s\r\n", e.path, ending); err != nil {
		return why(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(connection), nil)
	if err != nil {
		return why(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Sprintf("status %d", response.StatusCode)
	}
	body := bufio.NewReader(response.Body)
	line, err := body.ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return why(err)
	}
	server := strings.TrimSpace(line)
	if !e.namedByBody {
		server = nameOf(connection.ConnectionState())
	}
	if e.endless {
		named(server)
		if err := raw.SetDeadline(time.Time{}); err != nil {
			return why(err)
		}
	}
	if _, err := io.Copy(io.Discard, body); err != nil {
		return why(err)
	}
	if !e.endless {
		named(server)
	}
	return ""
}

// nameOf is the name in a server's certificate that is its own: those of the service begin alike.
func nameOf(state tls.ConnectionState) string {
	for _, name := range state.PeerCertificates[0].DNSNames {
		if !strings.HasPrefix(name, "kubernetes") {
			return name
		}
	}
	return ""
}

// why is why an exchange failed, in a word.
func why(err error) string {
	var number syscall.Errno
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		return none
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "closed"
	case errors.Is(err, syscall.ECONNRESET):
		return "ECONNRESET"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "ECONNREFUSED"
	case errors.As(err, &number):
		return number.Error()
	}
	return err.Error()
}
