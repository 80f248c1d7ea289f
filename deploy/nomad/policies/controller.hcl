# herdsman's own service: it registers, reads and stops the bots' jobs, and keeps their leases' variables.
# nomad acl policy apply -namespace default -job herdsman herdsman policies/controller.hcl
# nomad acl policy apply -namespace default -job herdsman-controller herdsman-controller policies/controller.hcl

namespace "default" {
  capabilities = [
    "list-jobs", "read-job", "submit-job", "alloc-lifecycle",
    # Queries alone: asking a realtime bot inside its allocation (with raw_exec also on its node), and reading
    # a scheduled bot's answer.
    "alloc-exec", "alloc-node-exec", "read-fs",
  ]

  variables {
    # Each by itself: of several policies Nomad takes the path that fits best, and herdsman's own job has that of
    # the bots' launchers as well.
    path "herdsman/*" {
      capabilities = ["read", "write", "destroy"]
    }
    path "herdsman/leases/*" {
      capabilities = ["read", "write", "destroy"]
    }
    path "herdsman/state/*" {
      capabilities = ["read", "write", "destroy"]
    }
    path "herdsman/secrets/*" {
      capabilities = ["read", "write", "destroy"]
    }
    path "herdsman/rules/*" {
      capabilities = ["read", "write", "destroy"]
    }
  }
}

# Read: which nodes answer. Written only to delete a removed bot's logs; with "read", Nomad's own garbage
# collection deletes them later.
node {
  policy = "write"
}
