return require "version"
