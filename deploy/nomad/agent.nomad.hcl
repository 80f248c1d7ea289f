# herdsman's agent on every node: it carries what bots print to herdsman, and publishes the node's interpreters.

variable "command" {
  type        = string
  default     = "/opt/herdsman/bin/herdsman"
  description = "The installed herdsman on every node."
}

variable "namespace" {
  type    = string
  default = "default"
}

variable "datacenters" {
  type    = list(string)
  default = ["*"]
}

variable "url" {
  type        = string
  description = "herdsman's address, as the nodes reach it."
}

variable "ca_file" {
  type        = string
  default     = ""
  description = "A file on every node with the certificates to trust for that address."
}

variable "folder" {
  type        = string
  default     = "/var/lib/herdsman"
  description = "Bots' state, the cache of bundles and how far the agent came lie in it, on every node."
}

variable "nomad_address" {
  type        = string
  default     = ""
  description = "Nomad's address; with none, the node's own agent."
}

variable "options" {
  type        = list(string)
  default     = []
  description = "Further options of `herdsman agent`, one word each (docs/commands.md). No secret belongs here."
}

job "herdsman-agent" {
  namespace   = var.namespace
  datacenters = var.datacenters
  node_pool   = "all"
  type        = "system"
  priority    = 90

  constraint {
    attribute = "${attr.kernel.name}"
    value     = "linux"
  }

  update {
    max_parallel     = 1
    min_healthy_time = "2s"
  }

  group "agent" {
    restart {
      attempts = 20
      interval = "1m"
      delay    = "2s"
      mode     = "delay"
    }

    # It reads the folders of other allocations, so it runs as root, without isolation.
    task "agent" {
      driver = "raw_exec"

      config {
        command = var.command
        args = concat(
          [
            "agent",
            "--url", var.url,
            "--token-file", "${NOMAD_SECRETS_DIR}/token",
            "--alloc-root", "${NOMAD_ALLOC_DIR}/../..",
            "--state-root", "${var.folder}/state",
            "--cache-root", "${var.folder}/cache",
            "--checkpoint", "${var.folder}/agent-checkpoint",
          ],
          var.ca_file != "" ? ["--ca-file", var.ca_file] : [],
          var.options,
        )
      }

      env {
        NOMAD_ADDR = var.nomad_address != "" ? var.nomad_address : "http://${attr.unique.advertise.address}"
      }

      # Its Nomad token is its own identity, with what policies/agent.hcl grants.
      identity {
        env = true
      }

      template {
        data        = "{{ with nomadVar \"nomad/jobs/herdsman-agent\" }}{{ .token }}{{ end }}"
        destination = "secrets/token"
        perms       = "0400"
        change_mode = "restart"
      }

      kill_signal  = "SIGTERM"
      kill_timeout = "15s"

      resources {
        cpu    = 100
        memory = 128
      }

      logs {
        max_files     = 3
        max_file_size = 5
      }
    }
  }
}
