return require "models.circle_b"
