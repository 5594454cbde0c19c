module example.org/web

go 1.24

require example.org/greeting v0.0.0
