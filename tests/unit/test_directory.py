from skryba.b2bua.settings import Binding
from skryba.config.model import Config
from skryba.directory import settings
from skryba.housecall import NAME, HouseLine
from skryba.terms import SocketAddress

SIP = SocketAddress("127.0.0.1", 5060)
HOUSE = HouseLine(SIP, "skryba.test", "secret", SocketAddress("127.0.0.1", 5099), "pl", "recordings")


def config(**trunk: object) -> Config:
    return Config.model_validate(
        {
            "station": [{"id": "101", "password": "kR7-battery-Horse", "name": "Reception", "groups": ["front"]}],
            "trunk": [{"id": "carrier", "host": "192.0.2.7", **trunk}],
            "numbers": {"+48221234567": "101"},
            "notice": {"language": "en"},
        }
    )


async def test_stations_and_trunks_are_those_of_the_file_and_the_house() -> None:
    made = await settings(config(), (Binding("udp", SIP, SIP),), HOUSE)
    assert set(made.stations) == {"101", NAME}
    assert made.stations["101"].groups == {"front"}
    assert [(trunk.id, trunk.address) for trunk in made.trunks] == [
        ("carrier", SocketAddress("192.0.2.7", 5060)),
        (NAME, SocketAddress("127.0.0.1", 5099)),
    ]
    assert made.trunks[0].accept == {"192.0.2.7"}
    assert made.language == "en"


async def test_trunk_without_an_address_is_left_out_and_the_others_stay() -> None:
    made = await settings(config(host="no-such-host.invalid", accept=["192.0.2.9"]), (Binding("udp", SIP, SIP),), HOUSE)
    assert [trunk.id for trunk in made.trunks] == [NAME]
