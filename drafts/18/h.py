import sys,time,math,argparse,os
sys.path[:0]=['.','drafts/18']
import numpy as np, torch
from torch import nn
from torch.nn import functional as F
ap=argparse.ArgumentParser()
A=ap.add_argument
A('--text',default='input.txt'); A('--cpu',type=float,default=130); A('--threads',type=int,default=1)
A('--d',type=int,default=128); A('--L',type=int,default=4); A('--H',type=int,default=4); A('--ff',type=float,default=4)
A('--B',type=int,default=32); A('--T',type=int,default=64); A('--lr',type=float,default=3e-3); A('--mlr',type=float,default=0.02)
A('--hlr',type=float,default=3e-3); A('--grams',default='2,3,4'); A('--bits',type=int,default=15); A('--hd',type=int,default=0)
A('--gdrop',type=float,default=0.0); A('--steps',type=int,default=1000); A('--seed',type=int,default=0); A('--warm',type=int,default=50)
A('--down',type=float,default=0.6); A('--muon',type=int,default=1); A('--wd',type=float,default=0.0); A('--cap',type=float,default=0)
A('--conv',type=int,default=0); A('--grow',type=int,default=0); A('--out',type=int,default=0); A('--name',default=''); A('--drop',type=float,default=0); A('--hopt',default='adam')
a=ap.parse_args(); torch.set_num_threads(a.threads); torch.manual_seed(a.seed)
t=open(a.text).read(); chars=sorted(set(t)); ix={c:i for i,c in enumerate(chars)}; ids=torch.tensor([ix[c] for c in t]); n=int(.9*len(ids)); tr,va=ids[:n],ids[n:]; V=len(chars)
grams=[int(x) for x in a.grams.split(',') if x]
def hashes(ids):
    """(N,len(grams)) table rows of the last k ids at each position"""
    out=[]
    for j,k in enumerate(grams):
        code=torch.zeros_like(ids)
        for i in range(k):
            s=torch.zeros_like(ids); s[i:]=ids[:len(ids)-i] if i else ids
            code=code*131+s+1
        if V**k<=2**a.bits:
            code=torch.zeros_like(ids)
            for i in range(k):
                s=torch.zeros_like(ids); s[i:]=ids[:len(ids)-i] if i else ids
                code=code*V+s
        else:
            code=(code*2654435761 % 2**31 >> 8)%(2**a.bits)
        out.append(code+j*2**a.bits)
    return torch.stack(out,1) if out else torch.zeros(len(ids),0,dtype=torch.long)
trh,vah=hashes(tr),hashes(va)
def norm(x): return F.rms_norm(x,(x.shape[-1],))
class Block(nn.Module):
    def __init__(s,d,H,ff):
        super().__init__(); s.H=H
        s.qkv=nn.Linear(d,3*d,bias=False); s.o=nn.Linear(d,d,bias=False); s.up=nn.Linear(d,int(ff*d),bias=False); s.down=nn.Linear(int(ff*d),d,bias=False)
        nn.init.zeros_(s.o.weight); nn.init.zeros_(s.down.weight)
    def forward(s,x,cs):
        B,T,d=x.shape
        q,k,v=s.qkv(norm(x)).view(B,T,3,s.H,d//s.H).permute(2,0,3,1,4)
        q,k=norm(q),norm(k)
        c,sn=cs
        def rot(z): z1,z2=z.chunk(2,-1); return torch.cat((z1*c-z2*sn,z2*c+z1*sn),-1)
        y=F.scaled_dot_product_attention(rot(q),rot(k),v,is_causal=True)
        x=x+F.dropout(s.o(y.transpose(1,2).reshape(B,T,d)),a.drop,s.training)
        return x+F.dropout(s.down(F.relu(s.up(norm(x))).square()),a.drop,s.training)
class G(nn.Module):
    def __init__(s):
        super().__init__()
        d=a.d; hd=a.hd or d
        s.E=nn.Embedding(V,d); nn.init.normal_(s.E.weight,std=0.5)
        s.Hh=nn.Embedding(max(1,len(grams))*2**a.bits,hd,sparse=a.hopt=='sparse'); nn.init.zeros_(s.Hh.weight)
        s.P=nn.Linear(hd,d,bias=False) if hd!=d else None
        s.blocks=nn.ModuleList(Block(d,a.H,a.ff) for _ in range(a.L)); s.head=nn.Linear(d,V,bias=False); nn.init.zeros_(s.head.weight)
    def forward(s,x,h):
        B,T=x.shape
        e=s.E(x)
        if grams:
            g=s.Hh(h)
            if a.gdrop and s.training: g=g*(torch.rand(B,T,len(grams),1)>a.gdrop)/(1-a.gdrop)
            g=g.sum(2); e=e+(s.P(g) if s.P is not None else g)
        dh=a.d//a.H; f=1000**(-torch.arange(0,dh,2)/dh); ang=torch.arange(T)[:,None]*f; cs=(ang.cos(),ang.sin())
        x=norm(e)
        for b in s.blocks: x=b(x,cs)
        l=s.head(norm(x))
        if a.cap: l=a.cap*torch.tanh(l/a.cap)
        return l
def orth(g):
    X=g/(g.norm()+1e-7); tp=X.shape[0]>X.shape[1]
    if tp: X=X.T
    for _ in range(5):
        S=X@X.T; X=3.4445*X+(-4.7750*S+2.0315*S@S)@X
    return X.T if tp else X
class Muon(torch.optim.Optimizer):
    def __init__(s,ps,lr): super().__init__(ps,dict(lr=lr))
    @torch.no_grad()
    def step(s):
        for g in s.param_groups:
            for p in g['params']:
                st=s.state[p]
                if 'm' not in st: st['m']=torch.zeros_like(p)
                st['m'].lerp_(p.grad,0.05); u=p.grad.lerp(st['m'],0.95)
                if a.wd: p.mul_(1-g['lr']*a.wd)
                p.add_(orth(u),alpha=-g['lr']*max(1,p.shape[0]/p.shape[1])**.5)
m=G(); mats=[p for p in m.blocks.parameters()]
opts=[]
small=[m.E.weight,m.head.weight]+([m.P.weight] if m.P is not None else [])
if a.muon: opts.append(Muon(mats,a.mlr)); opts.append(torch.optim.AdamW(small,a.lr,betas=(.9,.98),weight_decay=0))
else: opts.append(torch.optim.AdamW(mats+small,a.lr,betas=(.9,.98),weight_decay=0.1))
if grams: opts.append(torch.optim.SparseAdam([m.Hh.weight],a.hlr,betas=(.9,.98)) if a.hopt=='sparse' else torch.optim.AdamW([m.Hh.weight],a.hlr,betas=(.9,.98),weight_decay=0))
base=[[g['lr'] for g in o.param_groups] for o in opts]
@torch.inference_mode()
def val(T=None):
    T=T or (128 if a.grow else a.T); m.eval(); tot=0;c=0
    # windows with overlap: stride T//2
    S=T//2
    for s0 in range(0,len(va)-1,S*32):
        rows=[s for s in range(s0,min(s0+S*32,len(va)-1),S)]
        for s in [rows]:
            xs=[];hs=[];ys=[];ms=[]
            for r in s:
                lo=max(0,r-(T-S)); hi=min(r+S,len(va)-1)
                if hi-lo!=T: 
                    l=m(va[lo:hi][None],vah[lo:hi][None])[0].log_softmax(-1); tot-=l[r-lo:].gather(1,va[r+1:hi+1,None]).sum().item(); c+=hi-r; continue
                xs.append(va[lo:hi]);hs.append(vah[lo:hi]);ys.append(va[lo+1:hi+1])
            if xs:
                l=m(torch.stack(xs),torch.stack(hs)).log_softmax(-1); g=l.gather(2,torch.stack(ys)[...,None])[...,0][:,T-S:]; tot-=g.sum().item(); c+=g.numel()
    assert c==len(va)-1,(c,len(va))
    m.train(); return tot/c
t0=time.process_time(); ls=[]; N=a.steps
gen=torch.Generator().manual_seed(a.seed)
stages=[(0.,a.T)]
if a.grow: stages=[(0.,32),(0.3,64),(0.65,128)]
for i in range(N):
    f=min(1,(i+1)/a.warm)*min(1,(1-i/N)/a.down)
    for o,bb in zip(opts,base):
        for g,b in zip(o.param_groups,bb): g['lr']=b*f
    T=[t for s,t in stages if i/N>=s][-1]; B=a.B*a.T//T
    at=torch.randint(n-T-1,(B,1),generator=gen)+torch.arange(T)
    l=F.cross_entropy(m(tr[at],trh[at]).flatten(0,1),tr[at+1].flatten())
    for o in opts: o.zero_grad(set_to_none=True)
    l.backward()
    for o in opts: o.step()
    ls.append(l.item())
    if i in (N//4,N//2,3*N//4): print(f'  {i} train {np.mean(ls[-50:]):.3f} cpu {time.process_time()-t0:.0f}',flush=True)
t1=time.process_time()-t0
print(a.name or ' '.join(sys.argv[1:]),'| params',sum(p.numel() for p in m.parameters())//1000,'k | train',round(np.mean(ls[-50:]),3),'val',round(val(),4),'cpu s',round(t1),'tokens',N*a.B*a.T,flush=True)
