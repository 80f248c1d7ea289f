# VictoriaMetrics for herdsman's series, with the settings that herdsman needs of it.

variable "command" {
  type        = string
  default     = "/usr/bin/victoria-metrics"
  description = "The installed VictoriaMetrics on the node that it runs on."
}

variable "namespace" {
  type    = string
  default = "default"
}

variable "datacenters" {
  type    = list(string)
  default = ["*"]
}

variable "volume" {
  type        = string
  default     = "victoriametrics"
  description = "The host volume that marks the node whose disk has its data."
}

variable "data" {
  type        = string
  default     = "/var/lib/victoria-metrics"
  description = "The path of that host volume on its node."
}

variable "port" {
  type    = number
  default = 8428
}

variable "retention_months" {
  type    = number
  default = 12
}

variable "memory_mb" {
  type    = number
  default = 512
}

job "victoriametrics" {
  namespace   = var.namespace
  datacenters = var.datacenters
  type        = "service"
  priority    = 85

  group "victoriametrics" {
    count = 1

    volume "data" {
      type   = "host"
      source = var.volume
    }

    network {
      port "http" {
        static = var.port
      }
    }

    service {
      name     = "victoriametrics"
      provider = "nomad"
      port     = "http"

      check {
        name     = "health"
        type     = "http"
        path     = "/health"
        interval = "5s"
        timeout  = "2s"
      }
    }

    update {
      max_parallel     = 1
      health_check     = "checks"
      min_healthy_time = "5s"
      healthy_deadline = "2m"
    }

    restart {
      attempts = 10
      interval = "10m"
      delay    = "2s"
      mode     = "delay"
    }

    task "victoriametrics" {
      driver = "raw_exec"

      config {
        command = var.command
        args = [
          "-storageDataPath=${var.data}",
          "-httpListenAddr=${NOMAD_ADDR_http}",
          "-retentionPeriod=${var.retention_months}",
          "-memory.allowedBytes=${floor(var.memory_mb * 0.6)}MiB",
          # What was written a moment ago is there to be read, and what is sent twice counts once.
          "-search.latencyOffset=0s",
          "-dedup.minScrapeInterval=1ms",
        ]
      }

      # SIGTERM writes what is in memory; SIGKILL loses up to ten seconds (which herdsman sends again).
      kill_signal  = "SIGTERM"
      kill_timeout = "60s"

      resources {
        cpu    = 500
        memory = var.memory_mb
      }
    }
  }
}
