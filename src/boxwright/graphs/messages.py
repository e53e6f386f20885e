"""The fields of every message an ONNX file may contain, up to IR version 13.

Written down here because a server's install holds no `onnx` package; a test compares this table with that package's.
Kinds: `int` and `enum` are varints, `float` and `double` have fixed width, `text` is any bytes, every other word names a message;
`*` marks a repeated field.
"""

from __future__ import annotations

from dataclasses import dataclass

_TABLE = """
ModelProto: 1 ir_version int, 2 producer_name text, 3 producer_version text, 4 domain text, 5 model_version int, 6 doc_string text,
 7 graph GraphProto, 8 opset_import OperatorSetIdProto*, 14 metadata_props StringStringEntryProto*,
 20 training_info TrainingInfoProto*, 25 functions FunctionProto*, 26 configuration DeviceConfigurationProto*
OperatorSetIdProto: 1 domain text, 2 version int
GraphProto: 1 node NodeProto*, 2 name text, 5 initializer TensorProto*, 10 doc_string text, 11 input ValueInfoProto*,
 12 output ValueInfoProto*, 13 value_info ValueInfoProto*, 14 quantization_annotation TensorAnnotation*,
 15 sparse_initializer SparseTensorProto*, 16 metadata_props StringStringEntryProto*
NodeProto: 1 input text*, 2 output text*, 3 name text, 4 op_type text, 5 attribute AttributeProto*, 6 doc_string text, 7 domain text,
 8 overload text, 9 metadata_props StringStringEntryProto*, 10 device_configurations NodeDeviceConfigurationProto*
AttributeProto: 1 name text, 2 f float, 3 i int, 4 s text, 5 t TensorProto, 6 g GraphProto, 7 floats float*, 8 ints int*,
 9 strings text*, 10 tensors TensorProto*, 11 graphs GraphProto*, 13 doc_string text, 14 tp TypeProto, 15 type_protos TypeProto*,
 20 type enum, 21 ref_attr_name text, 22 sparse_tensor SparseTensorProto, 23 sparse_tensors SparseTensorProto*
TensorProto: 1 dims int*, 2 data_type int, 3 segment Segment, 4 float_data float*, 5 int32_data int*, 6 string_data text*,
 7 int64_data int*, 8 name text, 9 raw_data text, 10 double_data double*, 11 uint64_data int*, 12 doc_string text,
 13 external_data StringStringEntryProto*, 14 data_location enum, 16 metadata_props StringStringEntryProto*
Segment: 1 begin int, 2 end int
SparseTensorProto: 1 values TensorProto, 2 indices TensorProto, 3 dims int*
StringStringEntryProto: 1 key text, 2 value text
TensorAnnotation: 1 tensor_name text, 2 quant_parameter_tensor_names StringStringEntryProto*
ValueInfoProto: 1 name text, 2 type TypeProto, 3 doc_string text, 4 metadata_props StringStringEntryProto*
TypeProto: 1 tensor_type Tensor, 4 sequence_type Sequence, 5 map_type Map, 6 denotation text, 7 opaque_type Opaque,
 8 sparse_tensor_type SparseTensor, 9 optional_type Optional
Tensor: 1 elem_type int, 2 shape TensorShapeProto
SparseTensor: 1 elem_type int, 2 shape TensorShapeProto
Sequence: 1 elem_type TypeProto
Map: 1 key_type int, 2 value_type TypeProto
Optional: 1 elem_type TypeProto
Opaque: 1 domain text, 2 name text
TensorShapeProto: 1 dim Dimension*
Dimension: 1 dim_value int, 2 dim_param text, 3 denotation text
FunctionProto: 1 name text, 4 input text*, 5 output text*, 6 attribute text*, 7 node NodeProto*, 8 doc_string text,
 9 opset_import OperatorSetIdProto*, 10 domain text, 11 attribute_proto AttributeProto*, 12 value_info ValueInfoProto*, 13 overload text,
 14 metadata_props StringStringEntryProto*
TrainingInfoProto: 1 initialization GraphProto, 2 algorithm GraphProto, 3 initialization_binding StringStringEntryProto*,
 4 update_binding StringStringEntryProto*
DeviceConfigurationProto: 1 name text, 2 num_devices int, 3 device text*
NodeDeviceConfigurationProto: 1 configuration_id text, 2 sharding_spec ShardingSpecProto*, 3 pipeline_stage int
ShardingSpecProto: 1 tensor_name text, 2 device int*, 3 index_to_device_group_map IntIntListEntryProto*, 4 sharded_dim ShardedDimProto*
IntIntListEntryProto: 1 key int, 2 value int*
ShardedDimProto: 1 axis int, 2 simple_sharding SimpleShardedDimProto*
SimpleShardedDimProto: 1 dim_value int, 2 dim_param text, 3 num_shards int
"""

VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5  # protobuf's wire types; groups (3, 4) occur in no ONNX file
_WIRE_TYPES = {"int": VARINT, "enum": VARINT, "float": FIXED32, "double": FIXED64}


@dataclass(frozen=True)
class Field:
    """One field of a message.

    Attributes:
        name: as in onnx.proto.
        number: its number there.
        kind: see the file's opening.
        repeated: whether it may occur more than once.
    """

    name: str
    number: int
    kind: str
    repeated: bool

    @property
    def tags(self) -> tuple[int, ...]:
        """Number and wire type as they stand in a file; a repeated number may also come packed."""
        wire = _WIRE_TYPES.get(self.kind, LENGTH)
        plain = self.number << 3 | wire
        return (plain, self.number << 3 | LENGTH) if self.repeated and wire != LENGTH else (plain,)


def _read_table() -> dict[str, tuple[Field, ...]]:
    messages = {}
    for entry in _TABLE.replace("\n ", " ").strip().splitlines():
        message, _, listed = entry.partition(":")
        words = (field.split() for field in listed.split(","))
        messages[message] = tuple(Field(n, int(k), t.rstrip("*"), t.endswith("*")) for k, n, t in words)
    return messages


MESSAGES = _read_table()
BY_TAG = {message: {tag: field for field in fields for tag in field.tags} for message, fields in MESSAGES.items()}
