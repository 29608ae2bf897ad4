"""How far a scan looks before it gives up, and giving up is a refusal. Bytes unless the name says otherwise."""

MAX_DEPTH = 4  # archives inside archives
MAX_MEMBERS = 100_000  # of one file, at every depth together
MAX_FILES = 100_000  # of one run
MAX_UNPACKED = 32 << 30  # of one file, at every depth together; unpacked to disk, never to memory
MAX_RATIO = 100  # unpacked : packed
RATIO_FROM = 10 << 20  # below this much, any ratio is harmless

BLOCK = 1 << 20  # what is read of a file at a time

MAX_PICKLE_OBJECTS = 5_000_000  # remembered by one pickle
GUESS_STEPS = 10_000  # opcodes after which content that may be a pickle is taken for one
MAX_PICKLE_DEPTH = 1_000  # marks open at once
MAX_PICKLE_NESTED = 10_000  # object arrays of one joblib file
MAX_TEXT_ARGUMENT = 4_096  # a longer string is kept by its length alone
MAX_KEPT_ITEMS = 64  # of a dictionary whose entries matter
MAX_STORAGES = 200_000  # of one checkpoint

MAX_JSON = 64 << 20
MAX_JSON_DEPTH = 200
MAX_HEADER = 100_000_000  # safetensors' own limit
MAX_NPY_HEADER = 10_000  # numpy's own limit
MAX_NODES = 2_000_000  # messages of one ONNX graph
MAX_TENSORS = 1_000_000
MAX_DIMENSIONS = 8
MAX_KEYS = 100_000  # of a GGUF file
MAX_ELEMENTS = 10_000_000  # of all arrays of a GGUF file
MAX_STRING = 16 << 20
MAX_TEMPLATE = 1 << 20
MAX_HDF5_OBJECTS = 100_000
