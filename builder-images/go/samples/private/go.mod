module example.org/team/shop

go 1.24.0

require example.org/team/greeting v1.0.0
