"""The text of a new decoder's Python file: an example that runs, with TODO wherever the author has to say something."""

from string import Template

FILE = Template('''"""$vendor $model: TODO what it measures, in one line.

Layout, port $port, big-endian:

$rows

TODO fault codes and what they mean, other ports, what differs between firmware versions; or delete this line.

Source: TODO data sheet, its version and page.
"""

from collections.abc import Sequence

from decoders.decoder import Decoder
${imports}from decoders.reader import ByteReader
from decoders.readings import $classes
from decoders.uplink import Uplink

# TODO put the device's own layout in the place of the example, then delete this comment.
# What $kind can say, in these units; what the device could not measure is None with a flag, never a number:
$known
$layout

def decode(uplink: Uplink, data: ByteReader) -> Sequence[Reading]:
$body


DECODER = Decoder(
    name="$name",
    version=1,
    vendor=$vendor_text,
    model=$model_text,
    function=decode,
    kinds=($kinds),
    source="TODO data sheet",
    profiles=(),  # TODO ($profile_text,) makes it live for the devices of this profile; so does `mapping`
    f_ports=($port,),
)
''')

LAYOUT = Template("""
# A value is (raw * multiply + add) / divide; `signed`, `mask`, `faults` and Layout's `order="little"` do the rest.
_LAYOUT = Layout(
    $size,
$fields
)
""")
LAYOUT_IMPORT = "from decoders.fields import Field, Layout\n"

BODY_OF_LAYOUT = Template("""\
    measured, flags = _LAYOUT.read(data)
    battery = measured.pop("battery_voltage")
    return $kind.of(uplink, measured, flags=flags), DeviceHealth.of(uplink, battery_voltage=battery)""")

BODY_OF_HEALTH = """\
    measured, flags = _LAYOUT.read(data)
    return [DeviceHealth.of(uplink, measured, flags=flags)]"""

BODY_OF_READER = Template("""\
    $field = $read
    battery = data.u16() / 1000
    return $kind.of(uplink, $field=$field), DeviceHealth.of(uplink, battery_voltage=battery)""")
