"""A node of nautilus_trader: its sandbox for orders, made-up waves for a market."""

from decimal import Decimal

from feed import BTCUSDT, SIM, WavesConfig, WavesDataClientFactory
from nautilus_trader.adapters.sandbox.config import SandboxExecutionClientConfig
from nautilus_trader.adapters.sandbox.factory import SandboxLiveExecClientFactory
from nautilus_trader.config import LoggingConfig, TradingNodeConfig
from nautilus_trader.live.node import TradingNode
from nautilus_trader.model.currencies import USDT
from nautilus_trader.model.data import BarType
from nautilus_trader.model.identifiers import TraderId
from reporter import Reporter, ReporterConfig
from strategy import Cross, CrossConfig


def main(bot_id, config):
    node = TradingNode(
        TradingNodeConfig(
            trader_id=TraderId("BOT-001"),
            logging=LoggingConfig(log_level="INFO"),
            data_clients={
                "WAVES": WavesConfig(ticks=config["ticks"], tick_seconds=config["tick_seconds"]),
            },
            exec_clients={
                "SIM": SandboxExecutionClientConfig(
                    venue="SIM", starting_balances=["100000 USDT"], base_currency="USDT"
                )
            },
            timeout_post_stop=config["settle_seconds"],
        )
    )
    bar_type = BarType.from_str(f"{BTCUSDT.id}-{config['ticks_a_bar']}-TICK-MID-INTERNAL")
    size = Decimal(config["trade_size"])
    node.trader.add_strategy(
        Cross(
            CrossConfig(
                instrument_id=BTCUSDT.id,
                bar_type=bar_type,
                trade_size=size,
                fast=config["fast"],
                slow=config["slow"],
            )
        )
    )
    node.trader.add_actor(Reporter(ReporterConfig(venue=SIM, currency=USDT, instrument_ids=(BTCUSDT.id,))))
    node.add_data_client_factory("WAVES", WavesDataClientFactory)
    node.add_exec_client_factory("SIM", SandboxLiveExecClientFactory)
    node.build()
    try:
        node.run()  # until SIGTERM: it stops the strategy, which closes its positions
    finally:
        node.dispose()
