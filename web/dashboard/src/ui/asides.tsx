/** What `lazy_asides` reads at once. */

export { KillBanners, KillSwitch } from "./kill_switch";
export { RolloutLine } from "./rollout";
