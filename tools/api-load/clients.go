package main

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"os"
	"slices"
	"sync"
	"time"
)

// Options of clients.
type Options struct {
	// Targets are ADDRESS:PORT, asked in turn.
	Targets []string `json:"targets"`
	// CaFile has the authority that signed the servers' certificates, as PEM.
	CaFile string `json:"caFile"`
	// CertFile and KeyFile are what watches prove themselves by; "" for nothing.
	CertFile string `json:"certFile"`
	KeyFile  string `json:"keyFile"`
	// Path is what is asked for, WatchPath what is watched.
	Path      string `json:"path"`
	WatchPath string `json:"watchPath"`
	// NamedBy says where a server's name is: "body" or "certificate".
	NamedBy string `json:"namedBy"`
	// PerSecond is how many connections begin in a second, whatever became of those before.
	PerSecond float64 `json:"perSecond"`
	// Loops is how many clients connect as soon as they had their answer.
	Loops int `json:"loops"`
	// Watches are opened anew when they end.
	Watches int `json:"watches"`
	// LimitMs is when a client gives up: then it has failed.
	LimitMs float64 `json:"limitMs"`
}

// Failure is a request without a good answer.
type Failure struct {
	AtMs   float64 `json:"atMs"`
	TookMs float64 `json:"tookMs"`
	Why    string  `json:"why"`
}

// Gap is a time that a watch was without a server.
type Gap struct {
	Watch      int     `json:"watch"`
	From       string  `json:"from"`
	ClosedAtMs float64 `json:"closedAtMs"`
	BackAtMs   float64 `json:"backAtMs"`
	To         string  `json:"to"`
}

// Quantiles of how long answers took, in milliseconds; 0 where there was none.
type Quantiles struct {
	P50 float64 `json:"p50"`
	P99 float64 `json:"p99"`
	Max float64 `json:"max"`
}

// Report is what clients saw until they were asked.
type Report struct {
	BeganMs  float64        `json:"beganMs"`
	EndedMs  float64        `json:"endedMs"`
	Requests int            `json:"requests"`
	Failures []Failure      `json:"failures"`
	Answers  map[string]int `json:"answers"`
	TookMs   Quantiles      `json:"tookMs"`
	Gaps     []Gap          `json:"gaps"`
	Watching map[string]int `json:"watching"`
}

// Progress is what they see by now.
type Progress struct {
	Requests int            `json:"requests"`
	Watching map[string]int `json:"watching"`
}

const (
	progressEvery = 50 * time.Millisecond
	// What is due is looked for so often: at most so much later than it should a connection begins.
	tick = 2 * time.Millisecond
	// A watch that ended is opened anew after this time, as a client's code takes a moment.
	watchAgain = 5 * time.Millisecond
	// A load that opens all of its watches at once would measure that.
	watchStagger = time.Millisecond
)

// load is the clients together.
type load struct {
	options Options
	plain   *tls.Config
	proven  *tls.Config
	ending  chan struct{}
	open    sync.WaitGroup

	mutex    sync.Mutex
	report   Report
	took     []float64
	watching map[int]string
	next     int
}

func clients(text []byte) error {
	var options Options
	if err := json.Unmarshal(text, &options); err != nil {
		return err
	}
	l, err := newLoad(options)
	if err != nil {
		return err
	}
	asked := make(chan bool, 1)
	go func() {
		line, _ := bufio.NewReader(os.Stdin).ReadString('\n')
		asked <- line != ""
	}()
	l.begin()
	progress := time.NewTicker(progressEvery)
	defer progress.Stop()
	for {
		select {
		case <-progress.C:
			say(map[string]Progress{"progress": l.progress()})
		case wantsReport := <-asked:
			if wantsReport {
				say(map[string]Report{"report": l.end()})
			}
			return nil
		}
	}
}

func newLoad(options Options) (*load, error) {
	ca, err := os.ReadFile(options.CaFile)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(ca) {
		return nil, fmt.Errorf("%s has no certificate", options.CaFile)
	}
	plain := &tls.Config{RootCAs: roots, ServerName: "kubernetes", MinVersion: tls.VersionTLS12}
	proven := plain
	if options.CertFile != "" {
		certificate, err := tls.LoadX509KeyPair(options.CertFile, options.KeyFile)
		if err != nil {
			return nil, err
		}
		proven = plain.Clone()
		proven.Certificates = []tls.Certificate{certificate}
	}
	l := &load{options: options, plain: plain, proven: proven, ending: make(chan struct{}), watching: map[int]string{}}
	l.report.Failures, l.report.Gaps, l.report.Answers = []Failure{}, []Gap{}, map[string]int{}
	return l, nil
}

func (l *load) begin() {
	l.report.BeganMs = nowMs()
	for index := range l.options.Watches {
		time.Sleep(watchStagger)
		go l.watch(index)
	}
	for range l.options.Loops {
		l.open.Add(1)
		go l.loop()
	}
	if l.options.PerSecond > 0 {
		l.open.Add(1)
		go l.atRate()
	}
}

// end stops beginning, waits for what is open, which has its limit, and gives what was seen.
func (l *load) end() Report {
	close(l.ending)
	ended := nowMs()
	l.open.Wait()
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.report.EndedMs = ended
	l.report.Watching = countsOf(l.watching)
	l.report.TookMs = quantiles(l.took)
	return l.report
}

func (l *load) progress() Progress {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return Progress{Requests: l.report.Requests, Watching: countsOf(l.watching)}
}

func (l *load) isEnding() bool {
	select {
	case <-l.ending:
		return true
	default:
		return false
	}
}

func (l *load) loop() {
	defer l.open.Done()
	for !l.isEnding() {
		l.request()
	}
}

func (l *load) atRate() {
	defer l.open.Done()
	began := time.Now()
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for begun := 0; ; {
		select {
		case <-l.ending:
			return
		case <-ticker.C:
			for due := int(time.Since(began).Seconds() * l.options.PerSecond); begun < due; begun++ {
				l.open.Add(1)
				go func() {
					defer l.open.Done()
					l.request()
				}()
			}
		}
	}
}

func (l *load) request() {
	at := nowMs()
	e := l.exchange(l.options.Path, l.plain)
	reason := e.run(func(server string) {
		took := nowMs() - at
		l.mutex.Lock()
		defer l.mutex.Unlock()
		l.report.Answers[server]++
		l.took = append(l.took, took)
	})
	if reason == "" {
		return
	}
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.report.Failures = append(l.report.Failures, Failure{AtMs: at, TookMs: nowMs() - at, Why: reason})
}

// exchange is the next one, with the next target.
func (l *load) exchange(path string, config *tls.Config) exchange {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	target := l.options.Targets[l.next%len(l.options.Targets)]
	l.next++
	endless := path == l.options.WatchPath
	if !endless {
		l.report.Requests++
	}
	return exchange{
		target:      target,
		path:        path,
		config:      config,
		limit:       time.Duration(l.options.LimitMs * float64(time.Millisecond)),
		namedByBody: l.options.NamedBy == "body",
		endless:     endless,
	}
}

// watch keeps one open until the end.
func (l *load) watch(index int) {
	from, closedAt := "", math.NaN()
	for !l.isEnding() {
		l.exchange(l.options.WatchPath, l.proven).run(func(server string) { l.watches(index, server, from, closedAt) })
		if server := l.endsWatch(index); server != "" {
			from, closedAt = server, nowMs()
		}
		time.Sleep(watchAgain)
	}
}

// watches notes that a watch has a server now, and what it was without one. @closedAt: NaN for its first
func (l *load) watches(index int, server string, from string, closedAt float64) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.watching[index] = server
	if !math.IsNaN(closedAt) {
		l.report.Gaps = append(l.report.Gaps, Gap{Watch: index, From: from, ClosedAtMs: closedAt, BackAtMs: nowMs(), To: server})
	}
}

// endsWatch notes that a watch ended, and gives the server that it had; "" where it had none.
func (l *load) endsWatch(index int) string {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	server := l.watching[index]
	delete(l.watching, index)
	return server
}

func countsOf(watching map[int]string) map[string]int {
	counts := map[string]int{}
	for server := range maps.Values(watching) {
		counts[server]++
	}
	return counts
}

// quantiles are by nearest rank.
func quantiles(took []float64) Quantiles {
	if len(took) == 0 {
		return Quantiles{}
	}
	sorted := slices.Sorted(slices.Values(took))
	rank := func(share float64) float64 { return sorted[max(0, int(math.Ceil(share*float64(len(sorted))))-1)] }
	return Quantiles{P50: rank(0.5), P99: rank(0.99), Max: rank(1)}
}
