# Every bot's launcher: it holds the bot's lease, a lock on a variable, with the identity of its own task, and
# watches the fleet's kill switch, which nobody but herdsman's own service may write.
# nomad acl policy apply -namespace default herdsman-bots policies/bots.hcl

namespace "default" {
  variables {
    # Which copy of a bot may live. With the fleet's id in place of the "*" it is for the bots of one fleet.
    path "herdsman/leases/*" {
      capabilities = ["read", "write"]
    }
    # Which node has the newest state of a bot.
    path "herdsman/state/*" {
      capabilities = ["read", "write"]
    }
    # Bots' secrets, in boxes: the key of each is in one job alone.
    path "herdsman/secrets/*" {
      capabilities = ["read"]
    }
    # The fleet's rules: which bots are under the kill switch.
    path "herdsman/rules/*" {
      capabilities = ["read"]
    }
  }
}
