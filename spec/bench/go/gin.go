package main

import (
	"net/http"
	"strconv"

	"github.com/gin-gonic/gin"
)

// What /validate is sent.
type twenty struct {
	Field1  string `json:"field1" binding:"required,min=1,max=40"`
	Field2  string `json:"field2" binding:"required,min=1,max=40"`
	Field3  string `json:"field3" binding:"required,min=1,max=40"`
	Field4  string `json:"field4" binding:"required,min=1,max=40"`
	Field5  string `json:"field5" binding:"required,min=1,max=40"`
	Field6  string `json:"field6" binding:"required,min=1,max=40"`
	Field7  string `json:"field7" binding:"required,min=1,max=40"`
	Field8  string `json:"field8" binding:"required,min=1,max=40"`
	Field9  string `json:"field9" binding:"required,min=1,max=40"`
	Field10 string `json:"field10" binding:"required,min=1,max=40"`
	Field11 string `json:"field11" binding:"required,min=1,max=40"`
	Field12 string `json:"field12" binding:"required,min=1,max=40"`
	Field13 string `json:"field13" binding:"required,min=1,max=40"`
	Field14 string `json:"field14" binding:"required,min=1,max=40"`
	Field15 string `json:"field15" binding:"required,min=1,max=40"`
	Field16 string `json:"field16" binding:"required,min=1,max=40"`
	Field17 string `json:"field17" binding:"required,min=1,max=40"`
	Field18 string `json:"field18" binding:"required,min=1,max=40"`
	Field19 string `json:"field19" binding:"required,min=1,max=40"`
	Field20 string `json:"field20" binding:"required,min=1,max=40"`
}

func pass(c *gin.Context) {
	c.Set("passed", c.GetInt("passed")+1)
	c.Next()
}

func addResources(r *gin.Engine) {
	for i := 1; i <= 33; i++ {
		n := i
		path := "/res" + strconv.Itoa(n)
		r.GET(path, func(c *gin.Context) { c.JSON(http.StatusOK, gin.H{"res": n}) })
		r.GET(path+"/:id", func(c *gin.Context) { c.JSON(http.StatusOK, gin.H{"res": n, "id": c.Param("id")}) })
		r.GET(path+"/:id/sub"+strconv.Itoa(n)+"/:sub", func(c *gin.Context) {
			c.JSON(http.StatusOK, gin.H{"res": n, "id": c.Param("id"), "sub": c.Param("sub")})
		})
	}
}

func serveGin(address string) error {
	gin.SetMode(gin.ReleaseMode)
	r := gin.New()
	r.Use(gin.Recovery())
	r.GET("/plaintext", func(c *gin.Context) { c.String(http.StatusOK, "Hello, World!") })
	r.GET("/json", func(c *gin.Context) { c.JSON(http.StatusOK, gin.H{"message": "Hello, World!"}) })
	r.GET("/users/:user/posts/:post", func(c *gin.Context) {
		c.JSON(http.StatusOK, gin.H{"user": c.Param("user"), "post": c.Param("post")})
	})
	addResources(r)
	r.GET("/stack", pass, pass, pass, pass, pass, pass, pass, pass, pass, pass,
		func(c *gin.Context) { c.String(http.StatusOK, strconv.Itoa(c.GetInt("passed"))) })
	r.POST("/echo", func(c *gin.Context) {
		var value interface{}
		if c.BindJSON(&value) == nil {
			c.JSON(http.StatusOK, value)
		}
	})
	r.POST("/validate", func(c *gin.Context) {
		var body twenty
		if c.BindJSON(&body) == nil {
			c.JSON(http.StatusOK, gin.H{"fields": 20})
		}
	})
	r.GET("/db", func(c *gin.Context) { c.JSON(http.StatusOK, oneWorld()) })
	r.GET("/queries", func(c *gin.Context) { c.JSON(http.StatusOK, randomWorlds(20)) })
	r.GET("/list", func(c *gin.Context) { c.JSON(http.StatusOK, listWorlds()) })
	r.GET("/models", func(c *gin.Context) { c.JSON(http.StatusOK, listWorlds()) })
	r.GET("/updates", func(c *gin.Context) { c.JSON(http.StatusOK, updateWorlds()) })
	r.GET("/fortunes", func(c *gin.Context) { c.Data(http.StatusOK, "text/html; charset=utf-8", fortunes()) })
	return r.Run(address)
}
