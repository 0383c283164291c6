package main

import (
	"encoding/json"
	"strings"

	"github.com/valyala/fasthttp"
)

func answer(c *fasthttp.RequestCtx, value interface{}) {
	text, err := json.Marshal(value)
	check(err)
	c.SetContentType("application/json")
	c.SetBody(text)
}

// No router: what is measured is no more than these routes need.
func route(c *fasthttp.RequestCtx) {
	switch path := string(c.Path()); path {
	case "/plaintext":
		c.SetContentType("text/plain; charset=utf-8")
		c.SetBodyString("Hello, World!")
	case "/json":
		answer(c, map[string]string{"message": "Hello, World!"})
	case "/db":
		answer(c, oneWorld())
	case "/queries":
		answer(c, randomWorlds(20))
	case "/list", "/models":
		answer(c, listWorlds())
	case "/updates":
		answer(c, updateWorlds())
	case "/fortunes":
		c.SetContentType("text/html; charset=utf-8")
		c.SetBody(fortunes())
	case "/echo":
		var value interface{}
		check(json.Unmarshal(c.PostBody(), &value))
		answer(c, value)
	default:
		parts := strings.Split(path, "/")
		if len(parts) == 5 && parts[1] == "users" && parts[3] == "posts" {
			answer(c, map[string]string{"user": parts[2], "post": parts[4]})
			return
		}
		c.Error("not found", fasthttp.StatusNotFound)
	}
}

func serveFasthttp(address string) error { return fasthttp.ListenAndServe(address, route) }
