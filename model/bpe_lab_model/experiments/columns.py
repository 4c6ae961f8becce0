"""Columns that several rows of the table have, so that a figure is called the same wherever it stands."""

from bpe_lab_model.experiments.spec import Column

BPB = Column("bpb", {"en": "BPB", "ko": "BPB"}, better="lower")
LR = Column("lr", {"en": "learning rate", "ko": "학습률"}, ".2g")
SPEED = Column("bytes_per_s", {"en": "bytes/s", "ko": "바이트/초"}, ",.0f", "higher")
N_BLOCK = Column("n_block", {"en": "parameters of the trunk", "ko": "몸통의 매개변수"}, ",.0f")
