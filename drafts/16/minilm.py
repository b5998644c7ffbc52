import sys,json,time,random; 
from pathlib import Path
from utils import tools; from utils.entities import *; from utils.pretrained import minilm_folder
F=Path('runs/minilm'); D=F/'data'; D.mkdir(exist_ok=True)
from utils.data import reviews
import re
r=random.Random(0); train=make_sentences("train","train",4,0); r.shuffle(train); val=make_sentences("validation","validation",1,5)
for n,ss in (("train",train),("validation",val)):
    (D/f"{n}.jsonl").write_text("".join(json.dumps({"tokens":list(s.words),"tags":list(s.labels)})+"\n" for s in ss))
conf={"task":"token-classification","base_model":str(minilm_folder()),"project_name":"minilm-entities","log":"none","backend":"local","data":{"path":"data","train_split":"train","valid_split":"validation","column_mapping":{"tokens_column":"tokens","tags_column":"tags"}},
"params":{"epochs":2,"batch_size":32,"lr":float(sys.argv[1]),"max_seq_length":64,"scheduler":"linear","warmup_ratio":0.1,"seed":42,"logging_steps":25,"save_total_limit":1}}
t=time.time(); p=tools.run_autotrain(conf,F,log=None,timeout=2400); print(p,time.time()-t); print(tools.history(F)[-3:])
