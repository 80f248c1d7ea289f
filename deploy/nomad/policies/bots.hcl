# Every bot's launcher: it holds the bot's lease, a lock on a variable, with the identity of its own task.
# nomad acl policy apply -namespace default herdsman-bots policies/bots.hcl

namespace "default" {
  variables {
    path "herdsman/*" {
      capabilities = ["read", "write"]
    }
  }
}
