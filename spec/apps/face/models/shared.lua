return { name = "outer" }
