import sys; 
import json,torch; torch.set_num_threads(1)
import transformers; transformers.utils.logging.set_verbosity_error()
nb=json.load(open('drafts/16/notebook/16_project_3_ner_with_autotrain.ipynb')); g={}
for c in nb['cells']:
    s=''.join(c['source'])
    if s.startswith('#| export'): exec(s,g)
from utils.entities import *; import random
P='runs/minilm/minilm-entities'
tok=transformers.AutoTokenizer.from_pretrained(P); m=transformers.AutoModelForTokenClassification.from_pretrained(P).eval()
def tag(ss):
    out=[None]*len(ss); order=sorted(range(len(ss)),key=lambda i:len(ss[i].words))
    with torch.inference_mode():
        for k in range(0,len(order),64):
            idx=order[k:k+64]; b=tok([list(ss[i].words) for i in idx],is_split_into_words=True,padding=True,return_tensors='pt',truncation=True,max_length=256)
            lg=m(**b).logits.argmax(-1)
            for r,i in enumerate(idx):
                lab=['O']*len(ss[i].words); seen=set()
                for t,w in enumerate(b.word_ids(r)):
                    if w is not None and w not in seen: seen.add(w); lab[w]=m.config.id2label[lg[r,t].item()]
                out[i]=g['spans'](lab)
    return out
tests={"known/new":random.Random(0).sample(make_sentences("train","test",1,7),600),"new/new":make_sentences("test","test",4,7),"val":make_sentences("validation","validation",3,5),"hand":annotated_sentences()}
for n,ss in tests.items():
    c=g['strict_counts']([g['spans'](s.labels) for s in ss],tag(ss)); print(n,round(g['f1'](c),3),{t:round(g['f1'](c[:,j]),2) for j,t in enumerate(TYPES)},g['f1_interval'](c,[s.source if n!='hand' else ' '.join(s.words) for s in ss]))
