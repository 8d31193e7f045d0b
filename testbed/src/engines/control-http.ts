import type { IncomingMessage, ServerResponse } from 'node:http';
import type { EngineControl } from './engine-control.ts';
import type { Fault, FaultScope } from './faults.ts';
import type { ScriptedModel } from './scripted-model.ts';

/**
 * Commands that `POST /ctl` takes. `refuse` closes the port it may have come through: reach a refusing engine
 * through its control port, or give `forMs`.
 */
export type ControlCommand =
  | { readonly do: 'inject'; readonly fault: Fault; readonly scope?: FaultScope }
  | { readonly do: 'heal' }
  | { readonly do: 'refuse'; readonly connections?: 'drop' | 'finish'; readonly forMs?: number }
  | { readonly do: 'add-model'; readonly model: ScriptedModel }
  | { readonly do: 'remove-model'; readonly name: string }
  | { readonly do: 'forget' };

/** `GET /ctl`: state; `GET /ctl/requests`: records; `POST /ctl`: one command, answered with the state. */
export function handleControlRequest(control: EngineControl, request: IncomingMessage, response: ServerResponse): void {
  if (request.method !== 'POST') {
    request.resume();
    sendJson(response, 200, request.url === '/ctl/requests' ? control.requests.all : control.state);
    return;
  }
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const local = request.socket.localPort === control.port;
    obey(control, Buffer.concat(chunks).toString(), response, local).catch((error: unknown) =>
      sendJson(response, 400, { error: error instanceof Error ? error.message : String(error) }),
    );
  });
}

async function obey(control: EngineControl, body: string, response: ServerResponse, local: boolean): Promise<void> {
  const command = JSON.parse(body) as ControlCommand;
  if (local && command.do === 'refuse') {
    // Answered first: this very connection is among those that are dropped.
    response.on('close', () => void refuse(control, command));
    sendJson(response, 200, control.state);
    return;
  }
  await run(control, command);
  sendJson(response, 200, control.state);
}

async function run(control: EngineControl, command: ControlCommand): Promise<void> {
  switch (command.do) {
    case 'inject':
      control.inject(command.fault, command.scope);
      return;
    case 'heal':
      await control.heal();
      return;
    case 'refuse':
      await refuse(control, command);
      return;
    case 'add-model':
      control.addModel(command.model);
      return;
    case 'remove-model':
      control.removeModel(command.name);
      return;
    case 'forget':
      control.requests.clear();
      return;
    default:
      throw new Error(`unknown command: ${JSON.stringify(command)}`);
  }
}

async function refuse(
  control: EngineControl,
  command: { readonly connections?: 'drop' | 'finish'; readonly forMs?: number },
): Promise<void> {
  await control.refuse(command.connections);
  if (command.forMs !== undefined) setTimeout(() => void control.heal(), command.forMs);
}

function sendJson(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json', connection: 'close' });
  response.end(JSON.stringify(body));
}
