import sys; sys.path[:0]=['.','drafts/18']
from kn import *
from utils.data import shakespeare_plays
pl=shakespeare_plays(); h=pl.pop("Hamlet"); t="\n".join(pl.values()); chars=sorted(set(t)); ix={c:i for i,c in enumerate(chars)}
tr=np.array([ix[c] for c in t]); te=np.array([ix[c] for c in h])
for cut in (1_003_854,len(tr)):
    for o in (5,6,7,8,9):
        s=time.time(); kn=KneserNey(tr[-cut:],len(chars),o); p=kn.probs(np.concatenate([tr[-20:],te]),20); print(cut,o,-np.log(p).mean(),time.time()-s,flush=True)
