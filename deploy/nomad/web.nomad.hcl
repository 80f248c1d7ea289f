# The web: API, live stream, dashboard, and the intake of what bots print. It asks Nomad for nothing.
# With controller.nomad.hcl and a PostgreSQL of your own it replaces herdsman.nomad.hcl: docs/processes.md says when.

variable "command" {
  type        = string
  default     = "/opt/herdsman/bin/herdsman"
  description = "The installed herdsman on the node that it runs on."
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
  default     = "herdsman-web"
  description = "The host volume that marks the node whose disk has (or is to have) the web's data folder."
}

variable "data" {
  type        = string
  default     = "/srv/herdsman/web"
  description = "The path of that host volume on its node: events, logs and the admin's token are in it."
}

variable "port" {
  type    = number
  default = 8420
}

variable "tls" {
  type        = bool
  default     = true
  description = "Serve https with the certificate in the Nomad variable nomad/jobs/herdsman-web (tls_cert, tls_key)."
}

variable "names" {
  type        = list(string)
  default     = []
  description = "Further names that people and nodes reach it by."
}

variable "victoriametrics" {
  type        = string
  default     = ""
  description = "VictoriaMetrics' address; with none, series are kept in the embedded store."
}

variable "options" {
  type        = list(string)
  default     = []
  description = "Further options of `herdsman web`, one word each (docs/commands.md). No secret belongs here."
}

job "herdsman-web" {
  namespace   = var.namespace
  datacenters = var.datacenters
  type        = "service"
  priority    = 90

  group "web" {
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
      name     = "herdsman-web"
      provider = "nomad"
      port     = "http"
      tags     = [var.tls ? "https" : "http"]

      check {
        name            = "alive"
        type            = "http"
        protocol        = var.tls ? "https" : "http"
        tls_skip_verify = var.tls
        path            = "/livez"
        interval        = "10s"
        timeout         = "5s"

        check_restart {
          limit = 6
          grace = "5m"
        }
      }

      check {
        name            = "ready"
        type            = "http"
        protocol        = var.tls ? "https" : "http"
        tls_skip_verify = var.tls
        path            = "/readyz"
        interval        = "5s"
        timeout         = "5s"
      }
    }

    update {
      max_parallel     = 1
      health_check     = "checks"
      min_healthy_time = "5s"
      healthy_deadline = "5m"
      auto_revert      = true
    }

    restart {
      attempts = 10
      interval = "10m"
      delay    = "2s"
      mode     = "delay"
    }

    reschedule {
      unlimited      = true
      delay          = "30s"
      delay_function = "constant"
    }

    task "web" {
      driver = "raw_exec"

      config {
        command = var.command
        args = concat(
          [
            "web",
            "--database-file", "${NOMAD_SECRETS_DIR}/database",
            "--data", var.data,
            "--listen", "${NOMAD_ADDR_http}",
            "--no-sign-in-link",
          ],
          var.tls ? [
            "--tls-cert", "${NOMAD_SECRETS_DIR}/tls-cert.pem",
            "--tls-key", "${NOMAD_SECRETS_DIR}/tls-key.pem",
          ] : ["--insecure"],
          var.victoriametrics != "" ? ["--victoriametrics", var.victoriametrics] : [],
          flatten([for name in var.names : ["--allowed-host", name]]),
          var.options,
        )
      }

      template {
        data        = "{{ with nomadVar \"nomad/jobs/herdsman-web\" }}{{ .database }}{{ end }}"
        destination = "secrets/database"
        perms       = "0400"
        change_mode = "restart"
      }

      dynamic "template" {
        for_each = var.tls ? ["tls_cert", "tls_key"] : []
        content {
          data        = "{{ with nomadVar \"nomad/jobs/herdsman-web\" }}{{ .${template.value} }}{{ end }}"
          destination = "secrets/${replace(template.value, "_", "-")}.pem"
          perms       = "0400"
          change_mode = "restart"
        }
      }

      kill_signal  = "SIGTERM"
      kill_timeout = "30s"

      resources {
        cpu    = 500
        memory = 512
      }

      logs {
        max_files     = 5
        max_file_size = 10
      }
    }
  }
}
