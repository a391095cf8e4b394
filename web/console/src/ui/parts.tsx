import { useEffect, useId, useRef, useState, type ReactNode } from 'react';
import { CheckIcon, CopyIcon } from './icons.tsx';

/** A message that stays until what caused it is gone; read out when it appears. */
export function Notice({ tone, children }: { tone: 'error' | 'info'; children: ReactNode }) {
  return (
    <p className={`notice notice-${tone}`} role={tone === 'error' ? 'alert' : 'status'}>
      {children}
    </p>
  );
}

export function Field(props: {
  label: string;
  hint?: string;
  children: (id: string) => ReactNode;
}) {
  const id = useId();
  return (
    <div className="field">
      <label htmlFor={id}>{props.label}</label>
      {props.children(id)}
      {props.hint === undefined ? null : <p className="hint">{props.hint}</p>}
    </div>
  );
}

export function Spinner({ label }: { label: string }) {
  return (
    <p className="spinner" role="status">
      <span aria-hidden="true" />
      {label}
    </p>
  );
}

/** Something that opens above its button, and closes by Escape or by a click elsewhere. */
export function Popup({ label, children }: { label: ReactNode; children: ReactNode }) {
  const details = useRef<HTMLDetailsElement>(null);
  useEffect(() => {
    const close = () => {
      if (details.current !== null) details.current.open = false;
    };
    const onPointer = (event: PointerEvent) => {
      if (event.target instanceof Node && !details.current?.contains(event.target)) close();
    };
    const onKey = (event: KeyboardEvent) => {
      if (event.key === 'Escape') close();
    };
    addEventListener('pointerdown', onPointer);
    addEventListener('keydown', onKey);
    return () => {
      removeEventListener('pointerdown', onPointer);
      removeEventListener('keydown', onKey);
    };
  }, []);
  return (
    <details ref={details} className="popup">
      <summary className="button">{label}</summary>
      <div className="popup-body card">{children}</div>
    </details>
  );
}

/** A question before something that cannot be taken back. Escape answers no. */
export function Confirm(props: {
  title: string;
  text: string;
  action: string;
  onAnswer: (yes: boolean) => void;
}) {
  const dialog = useRef<HTMLDialogElement>(null);
  const title = useId();
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog ref={dialog} aria-labelledby={title} onClose={() => props.onAnswer(false)}>
      <h2 id={title}>{props.title}</h2>
      <p>{props.text}</p>
      <div className="row end">
        <button type="button" className="button" onClick={() => props.onAnswer(false)}>
          Cancel
        </button>
        <button type="button" className="button danger" onClick={() => props.onAnswer(true)}>
          {props.action}
        </button>
      </div>
    </dialog>
  );
}

/** A link to pass on, with a button that copies it. */
export function CopyField({ label, value }: { label: string; value: string }) {
  return (
    <div className="copy">
      <input
        readOnly
        value={value}
        aria-label={label}
        onFocus={(event) => event.currentTarget.select()}
      />
      <CopyButton value={value} />
    </div>
  );
}

export function CopyButton({ value }: { value: string }) {
  const [copied, setCopied] = useState(false);
  useEffect(() => setCopied(false), [value]);
  return (
    <button
      type="button"
      className="button"
      onClick={(event) => void copyText(value, event.currentTarget).then(setCopied)}
    >
      {copied ? <CheckIcon /> : <CopyIcon />}
      <span aria-live="polite">{copied ? 'Copied' : 'Copy'}</span>
    </button>
  );
}

// Pages from plain HTTP have no clipboard object; there the text is selected and copied the old way,
// beside the button, since a dialog makes everything outside itself unselectable.
async function copyText(text: string, button: HTMLElement): Promise<boolean> {
  const { clipboard } = navigator as { clipboard?: Clipboard };
  try {
    if (clipboard !== undefined) {
      await clipboard.writeText(text);
      return true;
    }
  } catch {
    // Not permitted: the old way may be.
  }
  const area = document.createElement('textarea');
  area.className = 'sr';
  area.value = text;
  button.after(area);
  area.select();
  const isCopied = document.execCommand('copy');
  area.remove();
  button.focus();
  return isCopied;
}
