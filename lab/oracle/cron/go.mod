module serinus.dev/oracle/cron

go 1.24

require github.com/rusenask/cron v1.1.0
