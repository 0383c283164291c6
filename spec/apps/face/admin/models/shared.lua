return { name = "inner" }
