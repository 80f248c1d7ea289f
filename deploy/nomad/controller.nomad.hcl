# Controllers, of which one leads: they keep the bots on Nomad as git asks for, and serve the git remote.
# With web.nomad.hcl and a PostgreSQL of your own it replaces herdsman.nomad.hcl: docs/processes.md says when.

variable "command" {
  type        = string
  default     = "/opt/herdsman/bin/herdsman"
  description = "The installed herdsman on the nodes that it runs on."
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

variable "controllers" {
  type        = number
  default     = 2
  description = "How many run: one leads, the others take over within seconds."
}

variable "volume" {
  type        = string
  default     = "herdsman-controllers"
  description = "The host volume that every controller's node has: one folder that all of them see, or with a source one of each."
}

variable "data" {
  type        = string
  default     = "/srv/herdsman/controllers"
  description = "The path of that host volume."
}

variable "fleet" {
  type        = string
  default     = "fleet"
  description = "The fleet's name, at the very first start."
}

variable "url" {
  type        = string
  description = "The web's address, as people and nodes reach it: it hands git and bundles on to the leader."
}

variable "tls" {
  type        = bool
  default     = true
  description = "Serve https with the certificate in the Nomad variable nomad/jobs/herdsman-controller (tls_cert, tls_key)."
}

variable "driver" {
  type        = string
  default     = "raw_exec"
  description = "The task driver of the bots."
}

variable "source" {
  type        = string
  default     = ""
  description = "Follow this git URL instead of serving a git remote."
}

variable "source_token" {
  type        = bool
  default     = false
  description = "The source wants a token: it is in the Nomad variable nomad/jobs/herdsman-controller (source_token)."
}

variable "nomad_address" {
  type        = string
  default     = ""
  description = "Nomad's address; with none, the node's own agent."
}

variable "options" {
  type        = list(string)
  default     = []
  description = "Further options of `herdsman controller`, one word each (docs/commands.md). No secret belongs here."
}

job "herdsman-controller" {
  namespace   = var.namespace
  datacenters = var.datacenters
  type        = "service"
  priority    = 90

  group "controller" {
    count = var.controllers

    volume "data" {
      type   = "host"
      source = var.volume
    }

    spread {
      attribute = "${node.unique.id}"
    }

    network {
      port "http" {}
    }

    service {
      name     = "herdsman-controller"
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

    # One after the other: where the leader's turn comes, another one leads.
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

    task "controller" {
      driver = "raw_exec"

      config {
        command = var.command
        args = concat(
          [
            "controller",
            "--name", "${NOMAD_SHORT_ALLOC_ID}",
            "--database-file", "${NOMAD_SECRETS_DIR}/database",
            "--data", var.data,
            "--listen", "${NOMAD_ADDR_http}",
            "--advertise-url", var.url,
            "--web-url", var.url,
            "--fleet", var.fleet,
            "--nomad-driver", var.driver,
          ],
          var.tls ? [
            "--tls-cert", "${NOMAD_SECRETS_DIR}/tls-cert.pem",
            "--tls-key", "${NOMAD_SECRETS_DIR}/tls-key.pem",
          ] : ["--insecure"],
          var.source != "" ? ["--source", var.source] : [],
          var.source_token ? ["--source-token-file", "${NOMAD_SECRETS_DIR}/source-token"] : [],
          var.options,
        )
      }

      env {
        NOMAD_ADDR      = var.nomad_address != "" ? var.nomad_address : "http://${attr.unique.advertise.address}"
        NOMAD_NAMESPACE = var.namespace
      }

      # Its Nomad token is its own identity, with what policies/controller.hcl grants.
      identity {
        env = true
      }

      template {
        data        = "{{ with nomadVar \"nomad/jobs/herdsman-controller\" }}{{ .database }}{{ end }}"
        destination = "secrets/database"
        perms       = "0400"
        change_mode = "restart"
      }

      dynamic "template" {
        for_each = var.tls ? ["tls_cert", "tls_key"] : []
        content {
          data        = "{{ with nomadVar \"nomad/jobs/herdsman-controller\" }}{{ .${template.value} }}{{ end }}"
          destination = "secrets/${replace(template.value, "_", "-")}.pem"
          perms       = "0400"
          change_mode = "restart"
        }
      }

      dynamic "template" {
        for_each = var.source_token ? ["source_token"] : []
        content {
          data        = "{{ with nomadVar \"nomad/jobs/herdsman-controller\" }}{{ .source_token }}{{ end }}"
          destination = "secrets/source-token"
          perms       = "0400"
          change_mode = "restart"
        }
      }

      kill_signal  = "SIGTERM"
      kill_timeout = "30s"

      resources {
        cpu    = 500
        memory = 384
      }

      logs {
        max_files     = 5
        max_file_size = 10
      }
    }
  }
}
