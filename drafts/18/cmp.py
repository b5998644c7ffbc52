
import torch,sys,pandas as pd,glob
a,b=sys.argv[1:3]
x,y=torch.load(a+'/final.pt'),torch.load(b+'/final.pt')
print('weights equal',all(torch.equal(x[k],y[k]) for k in x), max((x[k]-y[k]).abs().max().item() for k in x))
def curve(f):
    d={}
    for p in sorted(glob.glob(f+'/log/version_*/metrics.csv')):
        t=pd.read_csv(p); t=t[t.train_loss.notna()]; d.update(dict(zip(t.step,t.train_loss)))
    return pd.Series(d)
c,d=curve(a),curve(b); print(len(c),len(d),(c-d).abs().max())
