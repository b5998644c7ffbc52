import sys; sys.path.insert(0,'.')
import os, json, time, torch, lightning as L
from pathlib import Path
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset
from lightning.pytorch.callbacks import ModelCheckpoint, LearningRateMonitor, EarlyStopping, TQDMProgressBar
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from lessons.gpt import GPT, GPTConfig

class Windows(Dataset):
    """Item i: a window of T+1 ids; where it begins is drawn from (seed, i), so every run and every process sees the same."""
    def __init__(self, ids, window, n, first=0, seed=0):
        self.ids, self.window, self.n, self.first, self.seed = ids, window, n, first, seed
    def __len__(self): return self.n
    def __getitem__(self, i):
        g=torch.Generator().manual_seed(self.seed*10_000_019+self.first+i)
        at=int(torch.randint(len(self.ids)-self.window,(1,),generator=g))
        return self.ids[at:at+self.window+1]

class Plays(L.LightningDataModule):
    def __init__(self, ids, val, window=32, batch=8, steps=20, seed=0):
        super().__init__(); self.ids,self.val,self.window,self.batch,self.steps,self.seed=ids,val,window,batch,steps,seed
    def train_dataloader(self):
        epoch=self.trainer.current_epoch; n=self.steps*self.batch
        world=self.trainer.world_size
        d=Windows(self.ids,self.window,n,first=epoch*n,seed=self.seed); from torch.utils.data import DistributedSampler as DS; return DataLoader(d,batch_size=self.batch//world,sampler=DS(d,world,self.trainer.global_rank,shuffle=False))
    def val_dataloader(self):
        w=self.window+1; rows=self.val[:len(self.val)//w*w].view(-1,w)
        return DataLoader(rows,batch_size=16)

class LitGPT(L.LightningModule):
    def __init__(self, config: dict, lr=3e-3, total=100, warm=10):
        super().__init__(); self.save_hyperparameters(); self.model=GPT(GPTConfig(**config))
    def loss(self,rows): return F.cross_entropy(self.model(rows[:,:-1]).flatten(0,1),rows[:,1:].flatten())
    def on_train_batch_start(self,batch,i): torch.manual_seed(self.global_step)  # dropout depends on the step alone
    def training_step(self,rows,i):
        loss=self.loss(rows); self.log("train_loss",loss,prog_bar=True,sync_dist=True,on_step=True,on_epoch=False); return loss
    def validation_step(self,rows,i): self.log("val_loss",self.loss(rows),prog_bar=True,sync_dist=True)
    def configure_optimizers(self):
        o=torch.optim.AdamW(self.parameters(),self.hparams.lr)
        h=self.hparams
        s=torch.optim.lr_scheduler.LambdaLR(o,lambda k:min(1,(k+1)/h.warm)*max(0.,1-k/h.total))
        return {"optimizer":o,"lr_scheduler":{"scheduler":s,"interval":"step"}}

DROP=0.1
def run(folder, devices=1, strategy="auto", resume=None, kill_at=None, epochs=5, steps=20, batch=8):
    torch.set_num_threads(1)
    L.seed_everything(0, verbose=False)
    text=Path('input.txt').read_text()[:200000]; chars=sorted(set(text)); ids=torch.tensor([chars.index(c) for c in text])
    data=Plays(ids[:180000],ids[180000:185000],batch=batch,steps=steps)
    lit=LitGPT(dict(vocab_size=len(chars),max_len=32,d_model=32,n_heads=2,n_layers=2,dropout=DROP),total=epochs*steps)
    cbs=[ModelCheckpoint(dirpath=folder,filename="{epoch}",save_last=True,every_n_epochs=1,save_top_k=-1),LearningRateMonitor("step")]
    class Kill(L.Callback):
        def on_train_batch_end(self,tr,*_):
            if tr.global_step==kill_at: os.kill(os.getpid(),9)
    if kill_at: cbs.append(Kill())
    tr=L.Trainer(max_epochs=epochs,accelerator="cpu",devices=devices,strategy=strategy,callbacks=cbs,logger=CSVLogger(folder,name="log",flush_logs_every_n_steps=1),log_every_n_steps=1,
      reload_dataloaders_every_n_epochs=1,enable_progress_bar=False,enable_model_summary=False,gradient_clip_val=1.0,use_distributed_sampler=False)
    tr.fit(lit,data,ckpt_path=resume)
    if tr.global_rank==0: torch.save(lit.state_dict(),Path(folder)/'final.pt'); print(folder,tr.global_step,dict(tr.callback_metrics))
if __name__=='__main__':
    a=json.loads(sys.argv[1]); DROP=a.pop('drop',0.1); t=time.time(); run(**a); print(time.time()-t)
