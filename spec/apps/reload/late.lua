return "late " .. require "version"
