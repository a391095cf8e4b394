import { Field } from '../ui/parts.tsx';
import type { Capture } from './capture.ts';
import type { Kind } from './model.ts';

const off = 'off';

/** The choice of camera and microphone, each of which may be off. */
export function Devices({ capture }: { capture: Capture }) {
  return (
    <div className="devices">
      <DeviceChoice kind="video" label="Camera" capture={capture} />
      <DeviceChoice kind="audio" label="Microphone" capture={capture} />
    </div>
  );
}

function DeviceChoice({ kind, label, capture }: { kind: Kind; label: string; capture: Capture }) {
  const devices = capture.devices[kind];
  const chosen = capture.chosen[kind];
  const problem = capture.problems[kind];
  return (
    <Field label={label} {...(problem === undefined ? {} : { hint: problem })}>
      {(id) => (
        <select
          id={id}
          value={chosen ?? off}
          onChange={(event) => {
            const { value } = event.currentTarget;
            capture.choose(kind, value === off ? undefined : value);
          }}
        >
          {chosen !== undefined && !devices.some((device) => device.id === chosen) ? (
            <option value={chosen}>Opening…</option>
          ) : null}
          {devices.map((device) => (
            <option key={device.id} value={device.id}>
              {device.label}
            </option>
          ))}
          {devices.length === 0 && chosen === undefined ? <option value="">Default</option> : null}
          <option value={off}>Off</option>
        </select>
      )}
    </Field>
  );
}
