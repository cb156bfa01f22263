import h2.config
import h2.connection
from h2.settings import SettingCodes, Settings

client = h2.connection.H2Connection(h2.config.H2Configuration(strict=True))
server = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, strict=True))
server.local_settings = Settings(
    client=False,
    initial_values={
        SettingCodes.INITIAL_WINDOW_SIZE: 2**20,
        SettingCodes.MAX_CONCURRENT_STREAMS: 100,
        SettingCodes.MAX_HEADER_LIST_SIZE: 65_536,
    },
)
server.initiate_connection()

event = client.receive_data(server.data_to_send())[0]
for setting, change in event.changed_settings.items():
    print(setting.name, change.new_value)
