# herdsman in one piece: git remote, controller, stores, API and dashboard as one task. Bots are jobs beside it
# and run on while it is away. docs/install.md says how to bring it up.

variable "command" {
  type        = string
  default     = "/opt/herdsman/bin/herdsman"
  description = "The installed herdsman on the node that it runs on."
}

variable "namespace" {
  type        = string
  default     = "default"
  description = "The namespace of this job and of the bots' jobs."
}

variable "datacenters" {
  type    = list(string)
  default = ["*"]
}

variable "volume" {
  type        = string
  default     = "herdsman-service"
  description = "The host volume that marks the node whose disk has (or is to have) the data folder."
}

variable "data" {
  type        = string
  default     = "/var/lib/herdsman/service"
  description = "The data folder: the path of that host volume on its node."
}

variable "fleet" {
  type        = string
  default     = "fleet"
  description = "The fleet's name, at the very first start."
}

variable "port" {
  type    = number
  default = 8420
}

variable "tls" {
  type        = bool
  default     = true
  description = "Serve https with the certificate in the Nomad variable nomad/jobs/herdsman (tls_cert, tls_key)."
}

variable "names" {
  type        = list(string)
  default     = []
  description = "Further names that people and nodes reach it by."
}

variable "driver" {
  type        = string
  default     = "raw_exec"
  description = "The task driver of the bots."
}

variable "victoriametrics" {
  type        = string
  default     = ""
  description = "VictoriaMetrics' address; with none, series are kept in the embedded store."
}

variable "source" {
  type        = string
  default     = ""
  description = "Follow this git URL instead of serving a git remote."
}

variable "source_token" {
  type        = bool
  default     = false
  description = "The source wants a token: it is in the Nomad variable nomad/jobs/herdsman (source_token)."
}

variable "nomad_address" {
  type        = string
  default     = ""
  description = "Nomad's address; with none, the node's own agent."
}

variable "options" {
  type        = list(string)
  default     = []
  description = "Further options of `herdsman up`, one word each (docs/commands.md). No secret belongs here."
}

job "herdsman" {
  namespace   = var.namespace
  datacenters = var.datacenters
  type        = "service"
  priority    = 90

  group "herdsman" {
    count = 1

    # The data folder is on one node's disk: nowhere else would it be the same herdsman.
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
      name     = "herdsman"
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

    # The old one ends before the new one starts; one that does not get ready is taken back.
    update {
      max_parallel     = 1
      health_check     = "checks"
      min_healthy_time = "5s"
      healthy_deadline = "5m"
      auto_revert      = true
    }

    # A crash is followed by a start on the same node, for ever: nothing else reconciles the fleet.
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

    task "herdsman" {
      driver = "raw_exec"

      config {
        command = var.command
        args = concat(
          [
            "up",
            "--data", var.data,
            "--listen", "${NOMAD_ADDR_http}",
            "--advertise-url", "${var.tls ? "https" : "http"}://${NOMAD_ADDR_http}",
            "--fleet", var.fleet,
            "--scheduler", "nomad",
            "--nomad-driver", var.driver,
            "--no-sign-in-link",
          ],
          var.tls ? [
            "--tls-cert", "${NOMAD_SECRETS_DIR}/tls-cert.pem",
            "--tls-key", "${NOMAD_SECRETS_DIR}/tls-key.pem",
          ] : ["--insecure"],
          var.victoriametrics != "" ? ["--victoriametrics", var.victoriametrics] : [],
          var.source != "" ? ["--source", var.source] : [],
          var.source_token ? ["--source-token-file", "${NOMAD_SECRETS_DIR}/source-token"] : [],
          flatten([for name in var.names : ["--allowed-host", name]]),
          var.options,
        )
      }

      env {
        NOMAD_ADDR      = var.nomad_address != "" ? var.nomad_address : "http://${attr.unique.advertise.address}"
        NOMAD_NAMESPACE = var.namespace
      }

      # Its Nomad token is its own identity, with what policies/controller.hcl grants: nobody has to keep one.
      identity {
        env = true
      }

      dynamic "template" {
        for_each = var.tls ? ["tls_cert", "tls_key"] : []
        content {
          data        = "{{ with nomadVar \"nomad/jobs/herdsman\" }}{{ .${template.value} }}{{ end }}"
          destination = "secrets/${replace(template.value, "_", "-")}.pem"
          perms       = "0400"
          change_mode = "restart"
        }
      }

      dynamic "template" {
        for_each = var.source_token ? ["source_token"] : []
        content {
          data        = "{{ with nomadVar \"nomad/jobs/herdsman\" }}{{ .source_token }}{{ end }}"
          destination = "secrets/source-token"
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
