// What spec/bench/tasks/tasks.lua does, in Go: `tasks NAME` prints nanoseconds a round, `tasks parked`
// bytes a parked goroutine.
package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"
)

func buffered(n int) {
	c := make(chan int, 64)
	for i := 0; i < n; i++ {
		c <- i
		<-c
	}
}

func pingPong(n int) {
	there, back := make(chan int), make(chan int)
	go func() {
		for v := range there {
			back <- v
		}
	}()
	for i := 0; i < n; i++ {
		there <- i
		<-back
	}
	close(there)
}

func spawnJoin(n int) {
	var all sync.WaitGroup
	for i := 0; i < n; i++ {
		all.Add(1)
		go func() { all.Done() }()
	}
	all.Wait()
}

func selectOfFour(n int) {
	var c [4]chan int
	for i := range c {
		c[i] = make(chan int, 64)
	}
	for i := 0; i < n; i++ {
		c[i&3] <- i
		select {
		case <-c[0]:
		case <-c[1]:
		case <-c[2]:
		case <-c[3]:
		}
	}
}

func pipeline(n int) {
	a, b, c := make(chan int, 64), make(chan int, 64), make(chan int, 64)
	go func() {
		for i := 0; i < n; i++ {
			a <- i
		}
		close(a)
	}()
	go func() {
		for v := range a {
			b <- v + 1
		}
		close(b)
	}()
	go func() {
		for v := range b {
			c <- v * 2
		}
		close(c)
	}()
	for range c {
	}
}

// Each finds it locked by the other, which waits while it holds it.
func mutex(n int) {
	var m sync.Mutex
	var all sync.WaitGroup
	all.Add(2)
	for k := 0; k < 2; k++ {
		go func() {
			for i := 0; i < n/2; i++ {
				m.Lock()
				runtime.Gosched()
				m.Unlock()
			}
			all.Done()
		}()
	}
	all.Wait()
}

func resident() int {
	status, _ := os.ReadFile("/proc/self/status")
	for _, line := range strings.Split(string(status), "\n") {
		if strings.HasPrefix(line, "VmRSS:") {
			kib, _ := strconv.Atoi(strings.Fields(line)[1])
			return kib * 1024
		}
	}
	return 0
}

func parked(n int) {
	before := resident()
	c := make(chan int)
	for i := 0; i < n; i++ {
		go func() { <-c }()
	}
	for i := 0; i < 10; i++ {
		runtime.Gosched()
	}
	fmt.Printf("%d\n", (resident()-before)/n)
}

func main() {
	rounds, name := map[string]int{"buffered": 5e6, "pingpong": 1e6, "spawn": 1e5, "select": 1e6, "pipeline": 1e6, "mutex": 1e6}, os.Args[1]
	run := map[string]func(int){"buffered": buffered, "pingpong": pingPong, "spawn": spawnJoin, "select": selectOfFour,
		"pipeline": pipeline, "mutex": mutex}
	if name == "parked" {
		parked(1e6)
		return
	}
	run[name](rounds[name] / 10)
	best := time.Duration(1 << 62)
	for i := 0; i < 3; i++ {
		began := time.Now()
		run[name](rounds[name])
		if took := time.Since(began); took < best {
			best = took
		}
	}
	fmt.Printf("%.1f\n", float64(best.Nanoseconds())/float64(rounds[name]))
}
